//! What a look costs as the fleet grows: pages, not instances.

use std::collections::BTreeMap;

use pixmill_contract::port::Fleet as _;

use crate::cloud::Cloud;

/// So many instances, which do not run: their workers are others' cost.
fn populate(cloud: &Cloud, count: u32) {
    let tags = |name: &str| BTreeMap::from([(name.to_owned(), "ours".to_owned())]);
    let mut state = cloud.state();
    state.machines.clear();
    state.group.members.clear();
    for _ in 0..count {
        let mut both = tags("pixmill:fleet");
        both.extend(tags("aws:autoscaling:groupName"));
        let id = state.add("pending", both, "", false);
        state.targets.insert(id.clone(), ("initial", "Elb.InitialHealthChecking"));
        state.group.members.insert(id, "Pending".to_owned());
    }
}

#[tokio::test]
async fn a_look_takes_a_call_for_a_thousand_instances() {
    let cloud = Cloud::new().await;
    let mut told = String::new();
    for (count, pages) in [(0, 1), (1, 1), (1000, 1), (1001, 2), (5000, 5)] {
        populate(&cloud, count);
        let plain = cloud.plain(|_| {}).await;
        let grouped = cloud.grouped().await;
        cloud.server.calls();
        assert_eq!(plain.observe().await.unwrap().len(), count as usize);
        let calls = cloud.server.counts();
        assert_eq!((calls["DescribeInstances"], calls["DescribeTargetHealth"]), (pages, 1));
        assert_eq!(calls["DescribeInstanceStatus"], 2, "one for each kind of check");
        assert_eq!(calls.values().sum::<usize>(), pages + 3, "{calls:?}");
        assert_eq!(grouped.observe().await.unwrap().len(), count as usize);
        let of_group = cloud.server.counts();
        assert_eq!(of_group["DescribeAutoScalingGroups"], 1);
        assert_eq!(of_group.values().sum::<usize>(), pages + 4, "{of_group:?}");
        told.push_str(&format!(
            "{count} instances: {} calls plain, {} of a group\n",
            pages + 3,
            pages + 4
        ));
    }
    println!("{told}");
}
