//! The records that have a trigram, and how many of some trigrams each record has: counted for some records at a time, so
//! that the counts stay in the cache of the core.

/// Records that are counted at a time: the lower 16 bits of their number.
pub(super) const CHUNK: usize = 1 << 16;
/// Words of 64 bits, one for each record.
const WORDS: usize = CHUNK / 64;
/// Records of a chunk from which on bits take less memory than numbers.
const DENSE: usize = CHUNK / 16;

/// The records that have a trigram, for counting.
#[derive(Debug)]
pub(super) enum List {
    /// The lower half of each number, and for each chunk where its numbers end.
    Few { low: Vec<u16>, ends: Vec<u32> },
    /// A bit for each record, chunk by chunk.
    Many(Vec<[u64; WORDS]>),
}

impl List {
    /// Of growing numbers, each as the difference to the one before, 7 bits a byte; those below `end`.
    pub(super) fn read(bytes: &[u8], end: usize) -> Self {
        let chunks = end.div_ceil(CHUNK);
        // The last byte of each number.
        let count = bytes.iter().filter(|byte| **byte < 0x80).count();
        let numbers = numbers(bytes).map(|number| number as usize).take_while(|number| *number < end);
        if count > chunks * DENSE {
            let mut bits = vec![[0_u64; WORDS]; chunks];
            for number in numbers {
                if let Some(chunk) = bits.get_mut(number / CHUNK) {
                    chunk[number % CHUNK / 64] |= 1 << (number % 64);
                }
            }
            return Self::Many(bits);
        }
        let (mut low, mut ends) = (Vec::with_capacity(count), Vec::with_capacity(chunks));
        let end_of = |low: &[u16]| u32::try_from(low.len()).unwrap_or(u32::MAX);
        for number in numbers {
            while ends.len() < number / CHUNK {
                ends.push(end_of(&low));
            }
            #[expect(clippy::cast_possible_truncation, reason = "the lower half")]
            low.push(number as u16);
        }
        ends.resize(chunks, end_of(&low));
        Self::Few { low, ends }
    }

    /// Bytes that it takes.
    pub(super) fn size(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::Few { low, ends } => low.capacity() * 2 + ends.capacity() * 4,
                Self::Many(bits) => bits.len() * size_of::<[u64; WORDS]>(),
            }
    }
}

/// Counts how many of these lists each record of a chunk is in. They are at most 255.
pub(super) fn count<'l>(lists: impl Iterator<Item = &'l List>, chunk: usize, counts: &mut [u8; CHUNK]) {
    counts.fill(0);
    let mut dense: Vec<&[u64; WORDS]> = Vec::new();
    for list in lists {
        match list {
            List::Few { low, ends } => {
                let first = chunk.checked_sub(1).map_or(0, |before| ends.get(before).copied().unwrap_or(0));
                let range = first as usize..ends.get(chunk).copied().unwrap_or(first) as usize;
                for low in low.get(range).unwrap_or_default() {
                    let count = &mut counts[usize::from(*low)];
                    *count = count.wrapping_add(1);
                }
            }
            List::Many(bits) => dense.extend(bits.get(chunk)),
        }
    }
    for some in dense.chunks(15) {
        add(some, counts);
    }
}

/// A byte for each bit.
const SPREAD: [u64; 256] = {
    let mut all = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut bit = 0;
        while bit < 8 {
            all[byte] |= ((byte >> bit & 1) as u64) << (8 * bit);
            bit += 1;
        }
        byte += 1;
    }
    all
};

/// Adds up to 15 lists of bits: 64 records at a time are added as four binary digits, which then become bytes.
fn add(lists: &[&[u64; WORDS]], counts: &mut [u8; CHUNK]) {
    let (eights, _) = counts.as_chunks_mut::<8>();
    let (blocks, _) = eights.as_chunks_mut::<8>();
    for (word, block) in blocks.iter_mut().enumerate() {
        let mut digits = [0_u64; 4];
        for list in lists {
            let mut carry = list[word];
            for digit in &mut digits {
                (*digit, carry) = (*digit ^ carry, *digit & carry);
            }
        }
        let digits = digits.map(u64::to_le_bytes);
        for (at, eight) in block.iter_mut().enumerate() {
            let of = |digit: usize| SPREAD[usize::from(digits[digit][at])] << digit;
            let sum = of(0) + of(1) + of(2) + of(3);
            *eight = u64::from_le_bytes(*eight).wrapping_add(sum).to_le_bytes();
        }
    }
}

/// Numbers of records, growing: each as the difference to the one before.
#[derive(Default)]
pub(super) struct Written {
    pub(super) bytes: Vec<u8>,
    last: u32,
}

impl Written {
    pub(super) fn push(&mut self, number: u32) {
        let mut rest = number - self.last;
        self.last = number;
        while rest >= 0x80 {
            self.bytes.push(rest.to_le_bytes()[0] | 0x80);
            rest >>= 7;
        }
        self.bytes.push(rest.to_le_bytes()[0]);
    }
}

fn numbers(bytes: &[u8]) -> impl Iterator<Item = u32> + '_ {
    let mut last = 0_u32;
    let mut bytes = bytes.iter();
    std::iter::from_fn(move || {
        let (mut difference, mut shift) = (0_u32, 0);
        loop {
            let byte = bytes.next()?;
            difference |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
            shift = (shift + 7).min(28);
        }
        // One that does not grow is no number that was written.
        last = last.checked_add(difference)?;
        Some(last)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_come_back_as_they_were() {
        let all = [0, 1, 2, 130, 131, 20_000, 2_000_000, u32::MAX];
        let mut list = Written::default();
        for number in all {
            list.push(number);
        }
        assert_eq!(numbers(&list.bytes).collect::<Vec<_>>(), all);
    }

    /// Lists of all densities, over a number of records that ends within a chunk.
    #[test]
    fn what_is_counted_is_what_the_lists_have() {
        const END: usize = 2 * CHUNK + 777;
        let mut state = 7_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize
        };
        let (mut lists, mut expected) = (Vec::new(), vec![0_u8; END]);
        for at in 0..60 {
            let gap = [1, 2, 5, 14, 20, 300, 70_000][at % 7];
            let mut list = Written::default();
            let mut number = next() % gap;
            while number < END {
                list.push(u32::try_from(number).unwrap());
                expected[number] += 1;
                number += 1 + if gap == 1 { 0 } else { next() % (2 * gap - 1) };
            }
            lists.push(List::read(&list.bytes, END));
        }
        let many = lists.iter().filter(|list| matches!(list, List::Many(_))).count();
        assert!(many > 15 && many < 60, "both kinds are counted, and more than 15 of the one: {many}");
        let mut counts = vec![0; CHUNK];
        for chunk in 0..4 {
            count(lists.iter(), chunk, counts.as_chunks_mut().0.first_mut().unwrap());
            let expected = expected.iter().skip(chunk * CHUNK).copied().chain([0].into_iter().cycle());
            assert!(counts.iter().copied().eq(expected.take(CHUNK)), "chunk {chunk}");
        }
    }
}
