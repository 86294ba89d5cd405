//! What the controller sees of a simulated world, through the faults.

use pixmill_controller::Snapshot;

use super::{Outage, World};

impl World {
    pub(super) fn observe(&mut self) -> Snapshot {
        let mut instances = Vec::new();
        let clock = self.clock();
        let silent = self.is_on(Outage::Silent);
        let flaps = self.is_on(Outage::Flapping);
        let odd = self.now / 10_000 % 2 == 1;
        for (id, host) in self.hosts.iter().filter(|(_, host)| host.seen_from <= self.now) {
            let mut instance = host.observe(id, self.now, clock);
            if silent || flaps && odd && self.random.bool() {
                instance.report = None;
            }
            instances.push(instance);
        }
        let old = self.is_on(Outage::OldReports);
        if old {
            let before = self.old.get_or_insert_with(|| Snapshot {
                queue: None,
                dead_letters: None,
                instances: Some(instances.clone()),
            });
            for instance in &mut instances {
                let before = before.instances.iter().flatten().find(|old| old.id == instance.id);
                instance.report = before.and_then(|old| old.report.clone());
            }
        } else {
            self.old = None;
        }
        let no_queue = self.is_on(Outage::QueueUnknown);
        let no_fleet = self.is_on(Outage::FleetUnknown);
        // What is told to a controller that forgets it is not heard.
        if !no_fleet && !self.is_on(Outage::PlansRepeated) {
            for instance in instances.iter().filter(|instance| instance.report.is_some()) {
                self.hosts.get_mut(&instance.id).unwrap().was_heard = true;
            }
        }
        Snapshot {
            queue: (!no_queue).then(|| self.depth()),
            dead_letters: Some(0),
            instances: (!no_fleet).then_some(instances),
        }
    }
}
