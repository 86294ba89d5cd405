//! A worker whose Auto Scaling group wants to end its instance.

use std::sync::Arc;

use super::{SOON, software};
use crate::harness::{Cloud, Place, Region, TWO, Treatment, eventually};

#[test]
fn a_group_is_told_to_go_on_once_its_instance_has_drained() {
    let (place, cloud, region) = (Place::new(), Arc::new(Cloud::new()), Region::new());
    region.group("leaving", 1);
    let power = region.power(software(&place, &cloud, &region, region.worker_port(), &[]));
    region.set_desired("leaving", 1);
    place.put_photos(3);
    cloud.submit(&place, TWO).go().expect(0);
    cloud.until_results(3, SOON);
    let machine = region.machines().remove(0);
    // The emulator's groups wait for nobody.
    region.gateway.treat(|request| match &*request.action {
        "CompleteLifecycleAction" => Treatment::Say("<R/>"),
        _ => Treatment::Pass,
    });
    assert!(region.gateway.take_requests().is_empty(), "nothing is told before");
    power.say(&machine.id, "autoscaling/target-lifecycle-state", "Terminated");
    eventually("a word to the group", SOON, || {
        let asked = region.gateway.take_requests();
        asked.iter().any(|request| request.action == "CompleteLifecycleAction").then_some(())
    });
    eventually("the worker's end", SOON, || power.has_ended(&machine.id).then_some(()));
    assert_eq!(cloud.depth(&cloud.queue), 0);
}
