//! Dominant colours: boxes of colours are split, the most varied first, at their means.

/// A box of colours.
struct Group {
    colours: Vec<[u8; 3]>,
    /// Along which channel it varies most, and the sum of the squares of the distances there.
    widest: (usize, u64),
}

impl Group {
    fn of(colours: Vec<[u8; 3]>) -> Self {
        let count = colours.len() as u64;
        let spread = |channel: usize| {
            let samples = || colours.iter().map(|colour| u64::from(colour[channel]));
            let squares: u64 = samples().map(|s| s * s).sum();
            let sum: u64 = samples().sum();
            squares - sum * sum / count.max(1)
        };
        let widest =
            (0..3).map(|c| (c, spread(c))).max_by_key(|(c, s)| (*s, std::cmp::Reverse(*c)));
        Self { widest: widest.unwrap_or((0, 0)), colours }
    }

    fn mean(&self) -> [u8; 3] {
        let count = self.colours.len().max(1) as u64;
        [0, 1, 2].map(|c| {
            let sum: u64 = self.colours.iter().map(|colour| u64::from(colour[c])).sum();
            u8::try_from((sum + count / 2) / count).unwrap_or(255)
        })
    }

    /// The darker and the lighter part along the widest channel.
    fn split(self) -> (Self, Self) {
        let channel = self.widest.0;
        let mean = self.mean()[channel];
        // Where the mean is the largest sample, everything would stay on one side.
        let (dark, light): (Vec<_>, Vec<_>) =
            self.colours.iter().partition(|colour| colour[channel] < mean);
        if dark.is_empty() {
            let (dark, light) = self.colours.iter().partition(|colour| colour[channel] <= mean);
            return (Self::of(dark), Self::of(light));
        }
        (Self::of(dark), Self::of(light))
    }
}

/// At most `count` colours and their shares, rounded to thousandths, the largest first.
pub(super) fn dominant(colours: &[[u8; 3]], count: usize) -> Vec<([u8; 3], f64)> {
    if colours.is_empty() {
        return vec![];
    }
    let mut groups = vec![Group::of(colours.to_vec())];
    while groups.len() < count {
        let most = (0..groups.len()).max_by_key(|i| (groups[*i].widest.1, std::cmp::Reverse(*i)));
        let Some(most) = most.filter(|most| groups[*most].widest.1 > 0) else { break };
        let (dark, light) = groups.swap_remove(most).split();
        groups.extend([dark, light].into_iter().filter(|group| !group.colours.is_empty()));
    }
    groups.sort_by_key(|group| (std::cmp::Reverse(group.colours.len()), group.mean()));
    let share = |group: &Group| {
        let thousandths = (group.colours.len() * 1000 + colours.len() / 2) / colours.len();
        f64::from(u32::try_from(thousandths).unwrap_or(1000)) / 1000.0
    };
    groups.iter().map(|group| (group.mean(), share(group))).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn colours_that_are_there_are_found() {
        let mut colours = vec![[255, 0, 0]; 60];
        colours.extend([[0, 0, 255]; 30]);
        colours.extend([[255, 255, 255]; 10]);
        let expected = vec![([255, 0, 0], 0.6), ([0, 0, 255], 0.3), ([255, 255, 255], 0.1)];
        assert_eq!(dominant(&colours, 5), expected);
        assert_eq!(dominant(&colours, 2).len(), 2);
        assert_eq!(dominant(&[], 5), []);
    }

    proptest! {
        #[test]
        fn there_are_never_more_than_asked_for(
            colours in prop::collection::vec(any::<[u8; 3]>(), 1..300),
            count in 1_usize..33,
        ) {
            let found = dominant(&colours, count);
            prop_assert!(!found.is_empty() && found.len() <= count);
            let total: f64 = found.iter().map(|(_, share)| share).sum();
            prop_assert!((total - 1.0).abs() < 0.02);
        }
    }
}
