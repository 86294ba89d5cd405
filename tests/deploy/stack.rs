//! The whole life of a stack, by the scripts behind `make deploy` and `make destroy`.

use serde_json::{Value, json};

use super::Stack;
use crate::harness::{Place, TWO, photo};

/// Every object that matters is as the template says, told by its own service.
fn assert_whole(stack: &Stack, seen: &Value) {
    let cloud = &stack.cloud;
    assert_eq!(seen["outputs"]["Bucket"], cloud.bucket);
    let blocked = seen["bucket"]["public"].as_object().unwrap();
    assert!(blocked.len() == 4 && blocked.values().all(|value| value == true), "{blocked:?}");
    let events = &seen["bucket"]["notifications"][0];
    assert_eq!(events["QueueArn"], seen["jobs"]["QueueArn"]);
    assert_eq!(
        events["Filter"]["Key"]["FilterRules"],
        json!([{ "Name": "prefix", "Value": "drop/" }])
    );
    for statement in seen["bucket"]["policy"]["Statement"].as_array().unwrap() {
        assert_eq!(statement["Effect"], "Deny", "nobody is let in by the bucket itself");
    }
    let (jobs, dead) = (&seen["jobs"], &seen["dead"]);
    let redrive: Value = serde_json::from_str(jobs["RedrivePolicy"].as_str().unwrap()).unwrap();
    assert_eq!(redrive["deadLetterTargetArn"], dead["QueueArn"]);
    assert_eq!(
        (&redrive["maxReceiveCount"], &dead["MessageRetentionPeriod"]),
        (&20.into(), &"1209600".into())
    );
    assert!(jobs["SqsManagedSseEnabled"] == "true" && dead["SqsManagedSseEnabled"] == "true");

    for (name, template) in seen["templates"].as_object().unwrap() {
        assert_eq!(template["MetadataOptions"]["HttpTokens"], "required", "{name}");
        assert_eq!(template["MetadataOptions"]["HttpPutResponseHopLimit"], 1, "{name}");
        assert_eq!(template["InstanceInitiatedShutdownBehavior"], "terminate", "{name}");
        let disk = &template["BlockDeviceMappings"][0]["Ebs"];
        assert_eq!(
            (&disk["VolumeType"], &disk["Encrypted"]),
            (&"gp3".into(), &true.into()),
            "{name}"
        );
        assert!(template["KeyName"].is_null(), "{name} has a key for SSH");
        let user_data = template["UserData"].as_str().unwrap();
        assert!(user_data.len() < 16 * 1024, "{name}: EC2 takes no longer user data");
        for installer in ["yum ", "dnf ", "apt", "pip "] {
            assert!(!user_data.contains(installer), "{name} installs something at boot");
        }
    }
    let fleet = &seen["groups"]["Consumers"];
    assert_eq!((&fleet["MinSize"], &fleet["DesiredCapacity"]), (&0.into(), &0.into()));
    assert_eq!(fleet["NewInstancesProtectedFromScaleIn"], true);
    let hook = &fleet["Hooks"][0];
    assert_eq!(hook["LifecycleTransition"], "autoscaling:EC2_INSTANCE_TERMINATING");
    assert!(hook["HeartbeatTimeout"].as_u64().unwrap() > 90, "shorter than a drain");
    assert_eq!(seen["groups"]["Controller"]["DesiredCapacity"], 1);

    let groups = seen["security"].as_array().unwrap();
    assert_eq!(groups.len(), 2);
    for rule in groups.iter().flat_map(|group| group["IpPermissions"].as_array().unwrap()) {
        assert_eq!((&rule["FromPort"], &rule["ToPort"]), (&8080.into(), &8080.into()));
        assert_eq!(rule["IpRanges"], json!([]), "an address is let in");
        assert_eq!(rule["UserIdGroupPairs"].as_array().unwrap().len(), 1);
    }
    let alarms = seen["alarms"].as_array().unwrap();
    assert_eq!(alarms.len(), 4, "and one that the emulator does not take");
    for alarm in alarms {
        assert_eq!(alarm["AlarmActions"], json!([seen["outputs"]["AlarmTopic"]]), "{alarm}");
    }
    assert_eq!(seen["dashboard"]["widgets"].as_array().unwrap().len(), 4);
}

#[test]
fn a_stack_is_made_updated_removed_and_made_again_and_loses_nothing() {
    let stack = Stack::unmade();
    let cloud = &stack.cloud;
    let _cli = stack.aws();
    let said = stack.script("deploy.sh", &[]).go().expect(0).stdout;
    assert!(said.contains("Nothing is wrong"), "{said}");
    let first = stack.look();
    assert_whole(&stack, &first);

    // What is there when it is updated: a picture, a result, a job that nobody has worked on.
    let place = Place::new();
    place.put("a.jpg", &photo(1));
    cloud.submit(&place, TWO).args(["--batch", "b"]).go().expect(0);
    cloud.s3("PUT", "/results/b/other.json", b"{}").expect(200);
    let (pictures, waiting) = (cloud.keys("inputs/"), cloud.depth(&cloud.queue));
    let keeps_all = |when: &str| {
        assert_eq!(cloud.keys("inputs/"), pictures, "{when}");
        assert_eq!(cloud.keys("results/"), ["results/b/other.json"], "{when}");
        // S3 says in the queue that it will tell of events, whenever it is told to.
        assert!(cloud.depth(&cloud.queue) >= waiting, "{when}");
    };

    let set = [("SET", "MaxInstances=7 TargetLatency=2m")];
    let dry = stack.script("deploy.sh", &[set[0], ("DRY_RUN", "1")]).go().expect(0).stdout;
    assert!(dry.contains("Modify   Consumers "), "{dry}");
    assert_eq!(stack.look()["groups"]["Consumers"]["MaxSize"], 4, "a dry run changes something");
    stack.script("deploy.sh", &set).go().expect(0);
    let second = stack.look();
    assert_eq!(second["groups"]["Consumers"]["MaxSize"], 7);
    let version =
        |seen: &Value, template: &str| seen["templates"][template]["Version"].as_u64().unwrap();
    assert!(version(&second, "Controller") > version(&first, "Controller"));
    keeps_all("after an update");
    let said = stack.script("deploy.sh", &[]).go().expect(0).stdout;
    assert!(said.contains("is as it should be"), "what was set is not kept: {said}");

    let said = stack.script("destroy.sh", &[]).go().expect(0).stdout;
    for left in [&cloud.bucket, &cloud.queue, &cloud.dead] {
        assert!(said.contains(left.as_str()), "{left} is left, and not named: {said}");
    }
    assert!(!cloud.form("DescribeStacks", &[("StackName", &stack.name)]).is_ok());
    keeps_all("after it was removed");
    assert!(cloud.keys("releases/").is_empty() && cloud.keys("fleet/").is_empty());

    stack.script("deploy.sh", &[]).go().expect(0);
    assert_whole(&stack, &stack.look());
    keeps_all("in the next stack of this name");
    stack.script("destroy.sh", &[("DATA", "1")]).go().expect(0);
    cloud.s3("GET", "?list-type=2", b"").expect(404);
    let queues = cloud.sqs("ListQueues", &json!({ "QueueNamePrefix": stack.name }));
    assert!(queues["QueueUrls"].as_array().is_none_or(Vec::is_empty), "{queues}");
    let said = stack.script("destroy.sh", &[]).go().expect(0).stdout;
    assert!(said.contains("Nothing is left"), "{said}");
}
