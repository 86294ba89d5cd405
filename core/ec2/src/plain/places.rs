//! Where instances are launched: in which order places are tried, and which are left alone for a
//! while because there was no machine.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pixmill_contract::IntentId;
use tokio::time::Instant;

use crate::calls::ec2::Place;
use crate::options::Ec2Options;

/// So long a place is left alone that had no machine for us.
const COOLDOWN: Duration = Duration::from_mins(3);

/// The places of a fleet.
#[derive(Debug)]
pub(crate) struct Places {
    /// Each list is tried to its end before the next begins: spot instances first, the preferred type
    /// first. Within one, each is as good as another: they differ in their zones.
    ranks: Vec<Vec<Place>>,
    /// Since when a place has had nothing.
    empty: Mutex<BTreeMap<Place, Instant>>,
}

impl Places {
    pub(crate) fn new(options: &Ec2Options) -> Self {
        let markets = if options.spot { &[true, false][..] } else { &[false] };
        let rank = |spot: bool, kind: Option<&String>| -> Vec<Place> {
            let place = |subnet: Option<&String>| Place {
                subnet: subnet.cloned(),
                kind: kind.cloned(),
                spot,
            };
            some_or_none(&options.subnets).map(place).collect()
        };
        let ranks = markets
            .iter()
            .flat_map(|spot| some_or_none(&options.types).map(move |kind| rank(*spot, kind)));
        Self { ranks: ranks.collect(), empty: Mutex::default() }
    }

    fn empty(&self) -> MutexGuard<'_, BTreeMap<Place, Instant>> {
        self.empty.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The places to try for an intent, in this order, without those that had nothing lately; all
    /// of them, if that leaves none. Intents begin in different zones, and one always in the same, so
    /// that whoever asks again asks for the same.
    pub(crate) fn order(&self, intent: &IntentId) -> Vec<Place> {
        let start = intent.as_str().bytes().map(usize::from).sum::<usize>();
        let turned = self.ranks.iter().flat_map(|rank| {
            let (tail, head) = rank.split_at(start % rank.len().max(1));
            head.iter().chain(tail).cloned()
        });
        let all: Vec<_> = turned.collect();
        let mut empty = self.empty();
        empty.retain(|_, since| since.elapsed() < COOLDOWN);
        let good: Vec<_> = all.iter().filter(|place| !empty.contains_key(place)).cloned().collect();
        if good.is_empty() { all } else { good }
    }

    /// A place has no machine for us.
    pub(crate) fn had_none(&self, place: &Place) {
        self.empty().insert(place.clone(), Instant::now());
    }
}

/// Each of them; nothing, once, if there are none.
fn some_or_none(of: &[String]) -> impl Iterator<Item = Option<&String>> {
    let none = of.is_empty().then_some(None);
    of.iter().map(Some).chain(none)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(spot: bool, subnets: &[&str], types: &[&str]) -> Places {
        let owned = |of: &[&str]| of.iter().map(|text| (*text).to_owned()).collect();
        Places::new(&Ec2Options {
            name: "f".to_owned(),
            template: None,
            subnets: owned(subnets),
            types: owned(types),
            spot,
            stopped_pool: 0,
        })
    }

    fn shown(order: &[Place]) -> Vec<String> {
        let text = |part: &Option<String>| part.clone().unwrap_or_default();
        let market = |place: &Place| if place.spot { "spot" } else { "demand" };
        order
            .iter()
            .map(|p| format!("{} {}{}", market(p), text(&p.kind), text(&p.subnet)))
            .collect()
    }

    fn intent(name: &str) -> IntentId {
        IntentId::new(name).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn spot_comes_first_then_the_preferred_type_then_zones_by_turns() {
        let places = places(true, &["1", "2"], &["A", "B"]);
        assert_eq!(
            shown(&places.order(&intent("b"))),
            [
                "spot A1",
                "spot A2",
                "spot B1",
                "spot B2",
                "demand A1",
                "demand A2",
                "demand B1",
                "demand B2"
            ]
        );
        assert_eq!(shown(&places.order(&intent("a")))[..2], ["spot A2", "spot A1"]);
        assert_eq!(places.order(&intent("a")), places.order(&intent("a")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_without_machines_is_left_alone_for_a_while() {
        let places = places(false, &["1", "2"], &[]);
        let first = places.order(&intent("x"))[0].clone();
        places.had_none(&first);
        assert!(!places.order(&intent("x")).contains(&first));
        tokio::time::advance(COOLDOWN).await;
        assert!(places.order(&intent("x")).contains(&first));
        for place in places.order(&intent("x")) {
            places.had_none(&place);
        }
        assert_eq!(places.order(&intent("x")).len(), 2, "all are tried, where all had nothing");
    }

    #[test]
    fn a_template_of_its_own_is_one_place() {
        assert_eq!(shown(&places(false, &[], &[]).order(&intent("x"))), ["demand "]);
    }
}
