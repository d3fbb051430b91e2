//! Odd texts for tests: the same in each run, and another for each number.

/// A text of fewer than `most` of these pieces.
pub(super) fn text(pieces: &[&str], most: usize, number: u64) -> String {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
    let mut next = |bound: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % u64::try_from(bound).unwrap()).unwrap()
    };
    let length = next(most);
    (0..length).map(|_| pieces[next(pieces.len())]).collect()
}
