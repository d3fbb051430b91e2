//! Code that asks for more than there is: each is an error of that code, and the process lives on with what it had.
//!
//! All of it runs in a process of its own, which may have 1.5 GB of addresses: where something is not counted before it
//! is made, that process ends, and its last line says by what.

use std::process::Command;
use std::time::{Duration, Instant};

use rossum_annex::rossum::{Journal, Payload};
use rossum_annex::txscript::{Document, Limits, Schema, Script};

use crate::support::ORACLE_FOLDER;

/// Texts that grow beyond any memory.
const TEXTS: &[&str] = &[
    "('x'*1000000).join(['']*10000)",
    "s = 'x'*1000000\nlist(map(s.join, [['']*1000]*100))",
    "s = 'x'*1000000\n('{0}'*1000).format(s)",
    "s = 'x'*1000000\n('{a}'*1000).format(a=s)",
    "s = 'x'*1000000\n('{0!r}'*1000).format(s)",
    "s = 'x'*1000000\n('%s'*1000) % ((s,)*1000)",
    "s = 'x'*1000000\n('%(a)s'*1000) % {'a': s}",
    "'%1000000000d' % 1",
    "'%1000000000s' % 'x'",
    "'%.1000000000f' % 1.5",
    "f'{1:1000000000}'",
    "f'{1:😀>200000000}'",
    "f'{1.5:.1000000000f}'",
    "f'{1.5:.1000000000e}'",
    "f'{1.5:.1000000000%}'",
    "f'{1:0200000000,}'",
    "'{:999999999999999999999999}'.format(1)",
    "format('x', '100000000')",
    "from decimal import Decimal\nf\"{Decimal('1.5'):.1000000000f}\"",
    "s = 'x'*10000000\nf'{s}{s}{s}{s}{s}{s}{s}{s}'",
    "s = 'x'*30000000\nf'{s!r}{s!r}'",
    "s = '\\x00'*10000000\nrepr(s)",
    "s = '😀'*6000000\nascii(s)",
    "s = 'x'\nfor i in range(100):\n    s += s",
    "'x'*10**12",
    "'😀'*10**18",
    "'x'*(2**100)",
    "10**9*'x'",
    "('a'*100000).translate({97: 'y'*100000})",
    "('a'*1000000).replace('a', 'y'*1000000)",
    "('a'*1000000).replace('', 'y'*1000000)",
    "('x'*30000000).split('x')",
    "('x '*15000000).split()",
    "('x '*15000000).rsplit()",
    "('x'*30000000).rsplit('x')",
    "('\\n'*30000000).splitlines()",
    "('\\n'*30000000).splitlines(True)",
    "'x'.center(60000000, '😀')",
    "'x'.ljust(10**15)",
    "'x'.rjust(10**9, 'é')",
    "'1'.zfill(10**10)",
    "('\\t'*30000000).expandtabs()",
    "('ΐ'*20000000).upper()",
    "('x'*60000000).swapcase()",
    "('x'*60000000).title()",
    "('İ'*30000000).lower()",
    "('ß'*30000000).casefold()",
    "('x'*60000000)[::-1]",
    "('x'*40000000)[1:]",
    "list('x'*30000000)",
    "tuple('x'*30000000)",
    "sorted('xy'*15000000)",
    "set(range(10**8))",
    "list(reversed('x'*30000000))",
    "'x'.join('x'*60000000)",
    "('x'*60000000).partition('x')[2] + 'y'",
    "str(['x'*10000000]*100)",
    "repr({'a': 'x'*10000000, 'b': ['x'*10000000]*100})",
    "repr(('x'*30000000, 'y'*30000000))",
    "str({'x'*10000000: ['x'*10000000]*10})",
];

/// What regular expressions and JSON make.
const PATTERNS_AND_JSON: &[&str] = &[
    "re.sub('(x+)', r'\\1'*1000, 'x'*1000000)",
    "re.sub('x', 'y'*1000000, 'x'*1000000)",
    "re.sub('x', lambda m: 'y'*1000, 'x'*1000000)",
    "re.sub('', 'y'*1000, 'x'*1000000)",
    "re.findall('', 'x'*60000000)",
    "re.findall('(x)(x)(x)', 'x'*10000000)",
    "list(re.finditer('x', 'x'*10000000))",
    "re.split('x', 'x'*10000000)",
    "re.split('(x)', 'x'*10000000)",
    "re.escape('.'*50000000)",
    "re.sub('x', '\\\\1'*10000000, 'x')",
    "re.compile('(?:(?:(?:\\\\w{100}){100}){100}){100}')",
    "[re.compile('(?=\\\\w{%d})' % i) for i in range(100, 10000)]",
    "[re.search('\\\\w{%d}' % i, 'x'*1000) for i in range(50, 10000)]",
    "for i in range(100000):\n    re.compile(str(i))",
    "re.compile('x'*50000000)",
    "re.compile('('*1000000)",
    "re.compile('(?='*100000)",
    // JSON.
    "import json\njson.dumps([0]*1000000, separators=('x'*1000000, ':'))",
    "import json\njson.dumps({'a': 1, 'b': 2}, separators=(',', 'x'*60000000))",
    "import json\njson.dumps([{'k'*1000000: 1}]*10000)",
    "import json\njson.dumps([[[[1]]]]*1000, indent='x'*100000)",
    "import json\njson.dumps([1], indent=10**12)",
    "import json\njson.dumps(['😀'*1000000]*100)",
    "import json\njson.dumps('\\x00'*30000000)",
    "import json\ns = json.dumps('x'*1000000)\njson.loads('[' + ','.join([s]*30) + ']')",
    "import json\njson.loads('[' + '0,'*20000000 + '0]')",
    "import json\njson.loads('['*1000000)",
    "import json\njson.loads('[' + '{},'*3000000 + '0]')",
    "import json\nd = {str(i): i for i in range(100000)}\ndef f(x):\n    return d\njson.dumps([object]*1000, default=f)",
];

/// Lists, dicts, iterators, and what leaves the evaluation.
const CONTAINERS: &[&str] = &[
    "[0]*10**10",
    "(0,)*10**10",
    "([0]*1000000)*1000",
    "[[0]*1000000 for i in range(1000)]",
    "x = [0]\nwhile True:\n    x += x",
    "x = [0]\nwhile True:\n    x.extend(x)",
    "x = [0]\nwhile True:\n    x[len(x):] = x",
    "x = [0]*1000000\nwhile True:\n    x[0:0] = [1]",
    "x = []\nwhile True:\n    x.append(x)",
    "list(range(10**12))",
    "list(range(-2**63, 2**63-1))",
    "sorted(range(10**9))",
    "max(range(10**9), key=lambda i: [i]*1000)",
    "{i: [i]*100 for i in range(10**7)}",
    "dict.fromkeys(range(10**9), [])",
    "d = {}\nfor i in range(10**9):\n    d[i] = i",
    "from collections import Counter\nCounter(range(10**9))",
    "from collections import Counter\nCounter('x'*10).update(range(10**8))",
    "from collections import defaultdict\nd = defaultdict(list)\nfor i in range(10**9):\n    d[i]",
    "import itertools\nnext(itertools.combinations(range(1000000), 500000))",
    "import itertools\nlist(itertools.combinations(range(1000), 4))",
    "import itertools\nlist(itertools.permutations(range(100)))",
    "import itertools\nlist(itertools.product(range(100), repeat=100))",
    "import itertools\nlist(itertools.product([1], repeat=10**12))",
    "import itertools\nlist(itertools.repeat('x'))",
    "import itertools\nlist(itertools.repeat('x', 10**12))",
    "import itertools\nlist(itertools.accumulate(['x'*1000000]*1000))",
    "import itertools\nlist(itertools.zip_longest(*[range(1000000)]*1000))",
    "import itertools\nlist(itertools.chain.from_iterable([range(10**9)]*1000))",
    "import itertools\nlist(itertools.groupby(range(10**8)))",
    "import itertools\nlist(itertools.starmap(lambda *a: [0]*1000, [range(1000)]*1000000))",
    "import itertools\nlist(itertools.takewhile(lambda x: True, range(10**9)))",
    "list(zip(*[range(10**6)]*1000))",
    "list(map(lambda *a: a, *[range(10**6)]*100))",
    "list(enumerate(range(10**9)))",
    "(lambda *a: len(a))(*range(10**9))",
    "[*range(10**9)]",
    "{*range(10**9)}",
    "sum([[0]*1000]*10000, [])",
    "from functools import reduce\nreduce(lambda a, b: a + b, ['x'*1000]*100000)",
    "from functools import partial\nf = partial(max, 1)\nwhile True:\n    f = partial(f, *range(1000))",
    "class_ = 0\ndef f(n):\n    return sorted(big, key=lambda i: f(n + 1))\nbig = list(range(1000000))\nf(0)",
    "def f(n):\n    return min(big, key=lambda i: f(n + 1))\nbig = list(range(1000000))\nf(0)",
    "def f(n):\n    return re.sub('x', lambda m: f(n + 1), 'y'*1000000 + 'x')\nf(0)",
    "def f(n):\n    return f\"{'x'*1000000}{f(n + 1)}\"\nf(0)",
    "def f(n):\n    return [*big, *f(n + 1)]\nbig = list(range(1000000))\nf(0)",
    "d = {i: i for i in range(100000)}\nd['a'] = d\ne = {i: i for i in range(100000)}\ne['a'] = e\nd == e",
    // What is shown.
    "s = 'x'*30000000\nfor i in range(999):\n    show_error(s)",
    "for i in range(999):\n    show_error('<'*1000000)",
    "for i in range(999):\n    automation_blocker('x'*1000000)",
    "set_options([{'label': 'x'*10000000, 'value': 'y'}]*100)",
    "set_struct({'a': ['x'*10000000]*100})",
    "raise ValueError('<'*60000000)",
    "raise ValueError(*['<'*1000000]*1000)",
    "{}['x'*60000000]",
    "int('x'*30000000)",
    "float('9'*30000000 + 'x')",
    "[].index('x'*50000000)",
    "from datetime import date, datetime\ndate(2024, 5, 1).strftime('%A'*20000000)",
    "from datetime import date, datetime\nf\"{date(2024, 5, 1):{'%c'*1000000}}\"*10",
    "from datetime import date, datetime\ndatetime.strptime('x'*30000000, '%Y'*10000000)",
];

/// Widths, precisions and integers at the edge: what the value is, or how the error begins.
const EDGES: &[(&str, &str)] = &[
    ("len(f'{1.5:.70000f}')", "70002"),
    ("f'{1.5:.70000f}'.rstrip('0')", "'1.5'"),
    ("len('%.70000f' % 1.5)", "70002"),
    ("len('%.70000e' % 1.5)", "70006"),
    ("'%.70000g' % 1.5", "'1.5'"),
    ("len(f'{1.5:.70000%}')", "70005"),
    ("len(f'{5e-324:.70000f}')", "70002"),
    ("len(f'{1.5:70000}')", "70000"),
    ("len('{:100001}'.format('x'))", "100001"),
    ("len(f'{7:=+070000,}') > 69999", "True"),
    ("from decimal import Decimal\nlen(f\"{Decimal('1.5'):.70000f}\")", "70002"),
    ("from decimal import Decimal\nf\"{Decimal('1.25'):.1f}\"", "'1.2'"),
    ("import math\nmath.lcm(~170141183460469231731687303715884105727, 5)", "OverflowError"),
    ("import math\nmath.gcd(~170141183460469231731687303715884105727, 6)", "2"),
    ("import math\nmath.gcd(~170141183460469231731687303715884105727)", "OverflowError"),
    ("import math\nmath.lcm(10**38, 10**37)", "100000000000000000000000000000000000000"),
    ("import math\nmath.comb(1000, 999)", "1000"),
    ("import math\nmath.comb(10**38, 2)", "OverflowError"),
    ("import math\nmath.perm(10**30, 10**20)", "OverflowError"),
    ("import math\nmath.factorial(10**30)", "OverflowError"),
    ("abs(~170141183460469231731687303715884105727)", "OverflowError"),
    ("-(~170141183460469231731687303715884105727)", "OverflowError"),
    ("~170141183460469231731687303715884105727 // -1", "OverflowError"),
    ("~170141183460469231731687303715884105727 % -1", "0"),
    ("divmod(~170141183460469231731687303715884105727, -1)", "OverflowError"),
    ("2**127", "OverflowError"),
    ("(-2)**127", "-170141183460469231731687303715884105728"),
    ("1 << 10**30", "OverflowError"),
    ("1 >> 10**30", "0"),
    ("-1 >> 10**30", "-1"),
    ("round(9*10**37, -38)", "100000000000000000000000000000000000000"),
    ("round(17*10**37, -38)", "OverflowError"),
    ("round(15, -1), round(25, -1), round(-15, -1), round(-25, -1)", "(20, 20, -20, -20)"),
    ("round(1.5, 10**30)", "1.5"),
    ("round(1.5, -10**30)", "0.0"),
    ("list(enumerate('ab', 2**63-1))", "[(9223372036854775807, 'a'), (9223372036854775808, 'b')]"),
    ("list(range(2**63-3, 2**63-1))", "[9223372036854775805, 9223372036854775806]"),
    ("range(10**18)[::10**18]", "range(0, 1000000000000000000, 1000000000000000000)"),
    ("list(range(0, 10**18, 10**17))[-1]", "900000000000000000"),
    ("'abc'[-10**30:10**30:10**30]", "'a'"),
    ("'abc'[::-2**63]", "'c'"),
    ("[1, 2, 3][10**30:]", "[]"),
    ("'abc'.find('c', -10**30, 10**30)", "2"),
    ("x = [1]\nx.insert(-10**38, 0)\nx.insert(10**38, 2)\nx", "[0, 1, 2]"),
    ("[1].pop(-10**38)", "IndexError"),
    ("chr(-1)", "ValueError"),
    ("chr(10**30)", "ValueError"),
    ("'%c' % 1", "ValueError"),
    ("'%d' % float('inf')", "OverflowError"),
    ("'%d' % 1e30", "'1000000000000000019884624838656'"),
    ("int(1e300)", "OverflowError"),
    ("int('9'*100)", "OverflowError"),
    ("from datetime import timedelta\ntimedelta(days=10**30)", "OverflowError"),
    ("from datetime import timedelta\ntimedelta(microseconds=1) * ~9223372036854775807", "OverflowError"),
    ("from datetime import timedelta\n-timedelta(microseconds=1) * 2**63", "OverflowError"),
    ("from datetime import date, timedelta\ndate(9999, 12, 31) + timedelta(days=1)", "OverflowError"),
    (
        "from datetime import date\ndate.fromordinal(~170141183460469231731687303715884105727)",
        "OverflowError",
    ),
    ("from datetime import date\ndate(10**30, 1, 1)", "ValueError"),
    (
        "from decimal import Decimal\nDecimal('1') < 2**100, Decimal('-1') > -2**100, Decimal(1) == 2**120",
        "(True, True, False)",
    ),
    (
        "from decimal import Decimal\nDecimal('79228162514264337593543950335') * 2",
        "Decimal('1.584563250285286751870879007E+29')",
    ),
    (
        "from decimal import Decimal\nDecimal('79228162514264337593543950335') / Decimal('0.1')",
        "Decimal('7.922816251426433759354395034E+29')",
    ),
    ("from decimal import Decimal\nDecimal('9.9e999999') * 10", "Overflow: [<class 'decimal.Overflow'>]"),
    ("from decimal import Decimal\nint(Decimal('1e999999'))", "OverflowError"),
    ("from decimal import Decimal\nDecimal('9' * 30000)", "InvalidOperation: a Decimal of more than 20,000"),
    ("from decimal import Decimal\nlen(f\"{Decimal('1e999999'):f}\")", "1000000"),
    ("from decimal import Decimal\nf\"{Decimal('1e-999999999999'):f}\"", "Stopped"),
    ("from decimal import Decimal\nDecimal('1e999999999999') + Decimal('1e-999999999999')", "Overflow"),
    ("from decimal import Decimal\nDecimal('1e-1000000').exp() == 1", "True"),
    (
        "from decimal import Decimal\nDecimal('1' * 20000) % Decimal('7')",
        "InvalidOperation: [<class 'decimal.DivisionImpossible'>]",
    ),
    ("from decimal import Decimal\n(Decimal('1' * 20000) ** 2).adjusted()", "39998"),
    ("from decimal import Decimal\nDecimal('1' * 20000).ln() > 1", "True"),
    ("from decimal import Decimal\nDecimal('1' * 20000).log10() > 1", "True"),
    ("from decimal import Decimal\nDecimal('1' * 20000).sqrt() > 1", "True"),
    ("from decimal import Decimal, getcontext\ngetcontext().prec = 1001", "ValueError: valid range for prec"),
    ("from decimal import Decimal, getcontext\ngetcontext().prec = 6\nDecimal(1) / 3", "Decimal('0.333333')"),
    ("from decimal import Decimal, getcontext\ngetcontext().prec = 1000\nDecimal(2).ln() < 1", "True"),
    ("from decimal import Decimal\nhash(Decimal('sNaN'))", "TypeError"),
    (
        "from decimal import Decimal\nDecimal('NaN') < 1",
        "InvalidOperation: [<class 'decimal.InvalidOperation'>]",
    ),
    ("from decimal import Decimal\nDecimal('79228162514264337593543950335') / 3 > 1", "True"),
    ("from decimal import Decimal\nDecimal('1e400') and 0", ""),
    ("from decimal import Decimal\nround(Decimal('1.5'), -10**30)", ""),
    (
        "from collections import Counter\nc = Counter({'a': 170141183460469231731687303715884105727})\nc.update('a')",
        "OverflowError",
    ),
    ("import itertools\nlist(itertools.islice(range(5), 0, None, 2**62))", "[0]"),
    (
        "import itertools\nlist(itertools.combinations([1, 2], 3)), list(itertools.combinations([1, 2], 0))",
        "([], [()])",
    ),
    ("import itertools\nlen(list(itertools.combinations(range(70), 69)))", "70"),
    ("import itertools\nlen(next(itertools.product([1], repeat=70)))", "70"),
    (
        "import itertools\n[(k, list(g)) for k, g in itertools.groupby('aab')]",
        "[('a', ['a', 'a']), ('b', ['b'])]",
    ),
    ("list(reversed('aé😀'))", "['😀', 'é', 'a']"),
    ("'xxaéxx'.strip('éx'), 'x'.strip('')", "('a', 'x')"),
    (
        "'abab'.replace('', '-', 2), 'abab'.replace('b', ''), 'aa'.replace('a', 'b', 0)",
        "('-a-bab', 'aa', 'aa')",
    ),
    ("import json\njson.dumps({'a': [1, 'é\"\\n\\x01😀']}, indent=2)", "'{\\n  \"a\": [\\n    1,\\n"),
    ("frozenset([1, 2]) in {frozenset([2, 1]): 0}", "True"),
];

/// What passes over a lot in one call.
const SLOW: &[&str] = &[
    "s = 'x'*5000000\nsum([len(s) for i in range(100000)])",
    "s = 'é'*5000000\nfor i in range(100000):\n    len(s)",
    "list(reversed('x'*5000000))",
    "s = 'x'*5000000\nfor i in range(1000000):\n    s.count('xy')",
    "s = 'x'*5000000\nfor i in range(1000000):\n    s.find('y')",
    "s = 'x'*5000000\nfor i in range(1000000):\n    s.rindex('x', 0)",
    "s = 'x'*5000000\nfor i in range(1000000):\n    'y' in s",
    "s = 'x'*5000000\nt = s + 'y'\nfor i in range(1000000):\n    s < t",
    "s = 'x'*5000000\nt = 'x'*5000000\nfor i in range(1000000):\n    s == t",
    "s = 'x'*5000000\nfor i in range(1000000):\n    hash(s)",
    "s = 'x'*5000000\nt = (s,)*9000\nfor i in range(1000000):\n    hash(t)",
    "s = 'x'*5000000\nfor i in range(1000000):\n    s.isalpha()",
    "s = 'x'*5000000\nfor i in range(1000000):\n    s.strip('xyz' + s)",
    "s = 'x'*5000000\nfor i in range(1000000):\n    s[4999999]",
    "s = 'x'*5000000\nfor i in range(1000000):\n    s[0:1]",
    "s = 'x'*5000000\nfor i in range(1000000):\n    s.startswith('y', 100)",
    "s = 'x'*5000000\nfor i in range(1000000):\n    ord(s) if False else s.istitle()",
    "x = list(range(1000000))\nwhile True:\n    -1 in x",
    "x = list(range(1000000))\nwhile True:\n    x == list(x)",
    "x = [float('nan')]*100000\n{i*float('nan'): i for i in range(1000000)}",
    "{frozenset([i]): i for i in range(1000000)}",
    "{frozenset([frozenset([i])]): i for i in range(1000000)}",
    "x = list(range(100000))\nwhile x:\n    x.pop(0)\n    x.append(1)",
    "x = list(range(1000000))\nwhile x:\n    del x[0]\n    x.append(1)",
    "x = set(range(100000))\nwhile x:\n    x.pop()",
    "x = ['x'*1000000 + str(i) for i in range(20)]\nwhile True:\n    sorted(x)",
    "re.search('(a?){3000}a{3000}', 'a'*2000000)",
    "re.search('(a?){3000}a{3000}', 'a'*20000)",
    "re.search('(?=.*b)c', 'a'*1000000)",
    "re.search('(?=.*b)c', 'a'*60000)",
    "re.search('(?:a(?=.*b))*c', 'a'*1000000)",
    "re.search('(?:a(?=.*b))*c', 'a'*16000)",
    "re.search('(?!x)a*(?!q).*y', 'a'*60000)",
    "re.search('(?!x)a*(?!q)a*(?!r)a*y', 'a'*2000)",
    "re.search('(a*)*b', 'a'*5000000)",
    "re.search(r'(a+)\\1+b', 'a'*60000)",
    "re.findall('a(?:.*b)?', 'a'*1000000)",
    "re.sub('a(?:.*b)?', '', 'a'*1000000)",
    "re.search('[ab]*a[ab]{200}c', 'ab'*1000000)",
    "for m in re.finditer('x', 'x'*100000):\n    m.start()\n    m.span()",
    "import json\ns = json.dumps(list(range(100000)))\nwhile True:\n    json.loads(s)",
    "import json\nx = ['é'*1000000]\nwhile True:\n    json.dumps(x)",
    "import math\nwhile True:\n    math.fsum(range(100000))",
    "try:\n    while True:\n        try:\n            ('x'*30000000).join(['a', 'b', 1])\n        except TypeError:\n            pass\nfinally:\n    pass",
    "x = []\nfor i in range(60):\n    x = [x, x]\nx == [x[0], x[1]]",
    "x = ()\nfor i in range(60):\n    x = (x, x)\nhash(x)",
    "x = []\nfor i in range(60):\n    x = [x, x]\nstr(x)",
    "import json\nx = []\nfor i in range(60):\n    x = [x, x]\njson.dumps(x)",
    "while True:\n    max(range(100000))",
    "while True:\n    sum(range(100000))",
    "while True:\n    any(False for i in range(100000))",
];

/// Addresses that the process may have, in KiB.
const ADDRESSES: u32 = 1_500_000;
/// How often its memory an evaluation may take while it lives: lists that grow leave their smaller selves in the arena.
const AT_MOST: usize = 4;

fn in_a_small_process(test: &str) {
    let annex = std::env::current_exe().unwrap();
    let command =
        format!("ulimit -v {ADDRESSES} && exec \"$0\" --exact runaway::{test} --ignored --nocapture");
    let output = Command::new("sh").args(["-c", &command]).arg(annex).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let last: Vec<_> = said.lines().rev().take(3).collect();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {last:#?}\n{errors}", output.status);
    assert!(said.contains("1 passed"), "{said}");
}

fn evaluate(code: &str, limits: Limits) -> Result<String, String> {
    let script = Script::new("runaway", code).map_err(|problem| problem.to_string())?;
    let body = std::fs::read_to_string(format!("{ORACLE_FOLDER}/payload.json")).unwrap();
    let payload = Payload::read(body.as_bytes()).unwrap();
    let schema = Schema::parse(payload.schemas.unwrap().get()).unwrap();
    let (annotation, journal) = (payload.annotation.as_ref().unwrap(), Journal::default());
    let document = Document::new(annotation, &journal, &schema, body.as_bytes());
    let (result, output) = script.run(&document, None, limits);
    let shown: usize = output.shown.iter().map(|shown| shown.content.len()).sum();
    assert!(shown <= limits.memory / 4, "{code}: {shown} bytes are shown");
    result.map(|outcome| outcome.repr).map_err(|failure| {
        let _ = failure.to_html();
        failure.text
    })
}

/// Bytes of a line of `/proc/self/status`.
fn status(name: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim_matches(|c: char| !c.is_ascii_digit()).parse::<usize>().unwrap() << 10
}

/// The peak is what it is now.
fn forget_the_peak() {
    use std::io::Write as _;
    let file = std::fs::OpenOptions::new().write(true).open("/proc/self/clear_refs");
    file.and_then(|mut file| file.write_all(b"5")).unwrap();
}

#[test]
fn memory_ends_a_text_that_takes_it() {
    in_a_small_process("takes_memory_for_texts");
}

#[test]
#[ignore = "runs in a process of its own"]
fn takes_memory_for_texts() {
    takes_memory(TEXTS);
}

#[test]
fn memory_ends_a_pattern_or_json_that_takes_it() {
    in_a_small_process("takes_memory_for_patterns_and_json");
}

#[test]
#[ignore = "runs in a process of its own"]
fn takes_memory_for_patterns_and_json() {
    takes_memory(PATTERNS_AND_JSON);
}

#[test]
fn memory_ends_a_container_that_takes_it() {
    in_a_small_process("takes_memory_for_containers");
}

#[test]
#[ignore = "runs in a process of its own"]
fn takes_memory_for_containers() {
    takes_memory(CONTAINERS);
}

fn takes_memory(table: &[&str]) {
    // More time than the default: where the machine is slow, memory has to end it and not the clock.
    let limits = Limits { time: Duration::from_secs(4), ..Limits::default() };
    let mut highest = 0;
    for code in table {
        println!("{code}");
        forget_the_peak();
        let before = status("VmRSS:");
        let result = evaluate(code, limits);
        let grown = status("VmHWM:").saturating_sub(before);
        highest = highest.max(grown);
        println!("  {} MiB, {result:.200?}", grown >> 20);
        assert!(grown <= AT_MOST * limits.memory, "{code}: {} MiB", grown >> 20);
        assert!(result.is_err() || result.is_ok_and(|repr| repr.len() < limits.memory), "{code}");
    }
    println!("at most {} MiB", highest >> 20);
}

#[test]
fn the_edges_of_numbers_are_errors_or_right() {
    let limits = Limits { time: Duration::from_secs(20), ..Limits::default() };
    let mut wrong = Vec::new();
    for (code, expected) in EDGES {
        let said = evaluate(code, limits).unwrap_or_else(|failure| failure);
        if !said.starts_with(expected) || said.contains("fault in Annex") {
            wrong.push(format!("{code}\n  ours:     {said:.300}\n  expected: {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn time_ends_the_code_that_takes_it() {
    in_a_small_process("takes_time");
}

#[test]
#[ignore = "runs in a process of its own"]
fn takes_time() {
    let limits = Limits { time: Duration::from_millis(100), ..Limits::default() };
    for code in SLOW {
        println!("{code}");
        let start = Instant::now();
        let result = evaluate(code, limits);
        let took = start.elapsed();
        println!("  {took:?}, {result:.200?}");
        // Without optimization, on a machine with other work.
        assert!(took < Duration::from_secs(10), "{code}: {took:?}");
        assert!(result.is_err() || took < Duration::from_secs(5), "{code}: {took:?}");
    }
}
