//! How many jobs are carried at a time: so many for each target, so many for all. A slow target fills its own slots and
//! no other's.

use std::collections::HashMap;

/// Jobs of one target at a time, where nothing else is said.
pub const CONCURRENCY: usize = 4;
/// Jobs of all targets at a time.
pub const MOST_AT_A_TIME: usize = 32;

#[derive(Debug, Default)]
pub struct Slots {
    /// By target.
    limits: HashMap<String, usize>,
    /// Jobs that are carried, with their targets.
    under_way: HashMap<i64, String>,
}

impl Slots {
    /// Targets and their limits are others now.
    pub(super) fn set_limits(&mut self, limits: HashMap<String, usize>) {
        self.limits = limits;
    }

    pub(super) fn take(&mut self, id: i64, target: &str) {
        self.under_way.insert(id, target.to_owned());
    }

    pub(super) fn give_back(&mut self, id: i64) {
        self.under_way.remove(&id);
    }

    pub fn has(&self, id: i64) -> bool {
        self.under_way.contains_key(&id)
    }

    /// Jobs that are carried.
    pub fn len(&self) -> usize {
        self.under_way.len()
    }

    pub fn is_empty(&self) -> bool {
        self.under_way.is_empty()
    }

    fn taken(&self, target: &str) -> usize {
        self.under_way.values().filter(|one| *one == target).count()
    }

    /// Free slots of a target.
    pub fn free(&self, target: &str) -> usize {
        let limit = self.limits.get(target).copied().unwrap_or(CONCURRENCY);
        limit.saturating_sub(self.taken(target))
    }

    /// Free slots of all targets together.
    pub fn free_of_all(&self) -> usize {
        MOST_AT_A_TIME.saturating_sub(self.len())
    }

    /// Who of those that are due gets a slot: the targets with the fewest under way first, in turn.
    pub fn share(&self, due: Vec<(String, Vec<i64>)>) -> Vec<i64> {
        let mut wanted: Vec<(usize, usize, std::vec::IntoIter<i64>)> = due
            .into_iter()
            .map(|(target, ids)| {
                let new: Vec<i64> = ids.into_iter().filter(|id| !self.has(*id)).collect();
                (self.taken(&target), self.free(&target), new.into_iter())
            })
            .collect();
        let mut chosen = Vec::new();
        while chosen.len() < self.free_of_all() {
            let fewest = wanted
                .iter_mut()
                .filter(|(_, free, ids)| *free > 0 && ids.len() > 0)
                .min_by_key(|(taken, _, _)| *taken);
            let Some((taken, free, ids)) = fewest else { break };
            chosen.extend(ids.next());
            *taken += 1;
            *free -= 1;
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_target_leaves_the_others_their_slots_and_the_fewest_come_first() {
        let mut slots = Slots::default();
        slots.set_limits(HashMap::from([("slow".to_owned(), 2), ("wide".to_owned(), 100)]));
        let due = |target: &str, ids: std::ops::Range<i64>| (target.to_owned(), ids.collect::<Vec<_>>());
        assert_eq!(slots.share(vec![due("slow", 0..9), due("quick", 10..12)]), [0, 10, 1, 11]);
        slots.take(0, "slow");
        slots.take(1, "slow");
        assert_eq!(slots.share(vec![due("slow", 0..9), due("quick", 10..11)]), [10]);
        // One target with many slots fills all; the next free one goes to whoever has none.
        let all = slots.share(vec![due("wide", 100..200)]);
        assert_eq!(all.len(), MOST_AT_A_TIME - 2);
        for id in &all {
            slots.take(*id, "wide");
        }
        assert_eq!((slots.share(vec![due("quick", 10..11)]), slots.free_of_all()), (vec![], 0));
        slots.give_back(100);
        assert_eq!(slots.share(vec![due("wide", 130..190), due("quick", 10..11)]), [10]);
        assert_eq!(slots.free("unknown"), CONCURRENCY);
    }
}
