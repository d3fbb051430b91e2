//! Attribute and method names that values know, as numbers: found once, when code is compiled.

macro_rules! words {
    ($($word:ident $(= $text:literal)?),* $(,)?) => {
        /// A name that some value has an attribute or a method of.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[expect(non_camel_case_types, clippy::upper_case_acronyms, reason = "they are Python's names")]
        pub(crate) enum Word { $($word),* }

        impl Word {
            pub(crate) fn named(text: &str) -> Option<Self> {
                $(if text == words!(@text $word $($text)?) { return Some(Self::$word); })*
                None
            }

            pub(crate) fn text(self) -> &'static str {
                match self { $(Self::$word => words!(@text $word $($text)?)),* }
            }
        }
    };
    (@text $word:ident) => { stringify!($word) };
    (@text $word:ident $text:literal) => { $text };
}

words! {
    // Text.
    upper, lower, title, capitalize, casefold, swapcase, strip, lstrip, rstrip, split, rsplit, splitlines, join,
    replace, startswith, endswith, find, rfind, index, rindex, count, isdigit, isalpha, isalnum, isnumeric, isdecimal,
    isspace, isupper, islower, istitle, isidentifier, isascii, isprintable, zfill, ljust, rjust, center, format,
    partition, rpartition, removeprefix, removesuffix, expandtabs, translate, maketrans, encode, format_map,
    // Lists, dicts, sets.
    append, extend, insert, remove, pop, clear, sort, reverse, copy, keys, values, items, get, setdefault, update,
    popitem, fromkeys, add, discard, union, intersection, difference, symmetric_difference, issubset, issuperset,
    isdisjoint, intersection_update, difference_update, symmetric_difference_update,
    // Numbers.
    is_integer, as_integer_ratio, bit_length, real, imag, numerator, denominator, conjugate, hex,
    quantize, to_eng_string, normalize, as_tuple, is_zero, is_signed, is_finite, is_infinite, is_nan, is_qnan, is_snan,
    is_subnormal, is_normal, is_canonical, number_class, adjusted, radix, copy_abs, copy_negate, copy_sign, canonical,
    next_plus, next_minus, ln, to_integral, to_integral_value, to_integral_exact, max_mag, min_mag, remainder_near,
    sign, digits, exponent, scaleb, same_quantum, compare_total, compare, fma, from_float, prec, rounding,
    // Dates.
    year, month, day, hour, minute, second, microsecond, weekday, isoweekday, isocalendar, isoformat, strftime, strptime,
    today, now, fromisoformat, fromordinal, toordinal, ctime, timetuple, combine, date, time, tzinfo, utcnow, week,
    days, seconds, microseconds, total_seconds, min, max, resolution, datetime, timedelta, timezone, utc,
    // Regular expressions.
    search, match_ = "match", fullmatch, findall, finditer, sub, subn, escape, compile, group, groups, groupdict, start,
    end, span, string, pattern, flags, re, lastindex, pos, endpos, purge, error, IGNORECASE, I, MULTILINE, M, DOTALL, S,
    VERBOSE, X, ASCII, A, UNICODE, U, Pattern, Match,
    // json, math, decimal, collections, itertools, functools, typing.
    dumps, loads, JSONDecodeError, floor, ceil, trunc, sqrt, fabs, isclose, isnan, isinf, isfinite, pi, e, inf, nan,
    fsum, prod, gcd, lcm, log, log2, log10, exp, pow, copysign, fmod, hypot, factorial, modf, dist, tau, comb, perm,
    sin, cos, tan, degrees, radians, Decimal, ROUND_HALF_UP, ROUND_HALF_EVEN, ROUND_DOWN, ROUND_UP, ROUND_FLOOR,
    ROUND_CEILING, ROUND_HALF_DOWN, ROUND_05UP, DecimalException, InvalidOperation, DivisionByZero, Overflow, getcontext,
    defaultdict, Counter, OrderedDict, deque, most_common, elements,
    chain, from_iterable, product, combinations, permutations, groupby, accumulate, islice, zip_longest, starmap,
    takewhile, dropwhile, repeat, reduce, partial, Any, Optional, List, Dict, Tuple, Set, Union, Iterable, Callable,
    // TxScript.
    attr, all_values, parent, parent_multivalue, _index, id, value, options, rir_confidence, struct_ = "struct", label,
    validation_sources, hidden, normalized_value, schema_id, default_to, is_empty, fallback, is_set, substitute, TxScript,
    field, annotation, context, queue, workspace, document, email, status, previous_status, url, metadata, raw_data, name,
    from_payload, hook_response, show_error, show_warning, show_info, automation_blocker,
    // Exceptions and functions.
    args, msg, __name__, __class__, doc, lineno, colno,
}
