//! How often states travel from the cold end of a ladder to the hot one and back.

/// Which state is on which rung, and how far it has travelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trips {
    /// The travels of the state on each rung.
    travels: Vec<Travel>,
    round_trips: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Travel {
    /// It has not been at the cold end.
    Unknown,
    /// It was at the cold end, and not at the hot one since.
    Out,
    /// It was at the cold end, then at the hot one.
    Back,
}

impl Trips {
    pub(crate) fn new(rungs: usize) -> Self {
        let mut trips = Self { travels: vec![Travel::Unknown; rungs], round_trips: 0 };
        trips.restart();
        trips
    }

    /// Counts anew: only trips that begin from now on.
    pub(crate) fn restart(&mut self) {
        self.round_trips = 0;
        self.travels.fill(Travel::Unknown);
        self.travels[0] = Travel::Out;
    }

    /// The states of two neighbours have changed places.
    pub(crate) fn swap(&mut self, pair: usize) {
        self.travels.swap(pair, pair + 1);
    }

    /// Looks who is at the ends.
    pub(crate) fn arrive(&mut self) {
        let last = self.travels.len() - 1;
        if self.travels[0] == Travel::Back {
            self.round_trips += 1;
        }
        self.travels[0] = Travel::Out;
        if self.travels[last] == Travel::Out {
            self.travels[last] = Travel::Back;
        }
    }

    pub(crate) fn round_trips(&self) -> usize {
        self.round_trips
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_trip_begins_and_ends_at_the_cold_end() {
        let mut trips = Trips::new(3);
        let mut go = |pairs: &[usize]| {
            for pair in pairs {
                trips.swap(*pair);
                trips.arrive();
            }
            trips.round_trips()
        };
        // The first state goes to the hot end; that which was there comes down: it was never cold before.
        assert_eq!(go(&[0, 1, 0]), 0);
        // Out and half way back.
        assert_eq!(go(&[1]), 0);
        assert_eq!(go(&[0]), 1);
        // There it stays.
        assert_eq!(go(&[1, 1]), 1);
    }
}
