//! `pixmill controller` and what `pixmill status` shows of it.

use std::time::Duration;

use super::SLOW;
use super::processes::Leftovers;
use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{
    Invocation, Patience, Place, Running, TWO, ended, eventually, kill, pixmill, result_count,
    results,
};

const SOON: Duration = Duration::from_mins(5);

/// How many pictures go through the proof, and what is made of them: two hundredths of a second of
/// work each.
const PICTURES: u32 = 2000;
const QUICK: &str = "resize:500,enlarge=true | median:5 -> jpeg";

fn controller(place: &Place) -> Invocation {
    let controller = place.on_data("controller").args(["--interval", "500ms", "--boot", "500ms"]);
    controller.args(["--target-latency", "5s"]).bound(SOON)
}

fn status(place: &Place) -> Value {
    place.on_data("status").arg("--json").go().expect(0).json()
}

/// The instances in one of these states. Looking reads all results, so it is not done all the time.
fn instances(place: &Place, states: &[&str]) -> Vec<Value> {
    let rest = Patience::new(Duration::from_millis(500));
    while rest.wait() {}
    let status = status(place);
    let all = status["fleet"]["instances"].as_array().cloned().unwrap_or_default();
    let is_wanted = |i: &Value| states.contains(&i["state"].as_str().unwrap());
    all.into_iter().filter(is_wanted).collect()
}

fn until_ready(place: &Place, count: usize) -> Vec<Value> {
    eventually("workers that are ready", SOON, || {
        let ready = instances(place, &["ready"]);
        (ready.len() == count).then_some(ready)
    })
}

fn until_living(place: &Place, count: usize) {
    let living = ["pending", "ready", "silent", "sick", "waiting", "draining", "stopping"];
    eventually("that many workers", SOON, || {
        (instances(place, &living).len() == count).then_some(())
    });
}

fn stop(controller: Running) -> String {
    controller.signal(Signal::TERM);
    controller.end().expect(0).stdout
}

#[test]
fn two_thousand_pictures_into_an_empty_fleet_and_half_of_it_killed() {
    let place = Place::new();
    let _leftovers = Leftovers(place.data());
    place.put_photos(PICTURES);
    let sent = place.on_data("submit").arg(place.input()).args(["--recipe", QUICK]);
    sent.bound(SOON).go().expect(0);

    let first = controller(&place).args(["--min", "1", "--max", "4", "--explain"]).start();
    until_ready(&place, 4);
    eventually("some results", SOON, || (result_count(&place.data()) >= 100).then_some(()));
    for victim in &until_ready(&place, 4)[..2] {
        kill(u32::try_from(victim["report"]["pid"].as_u64().unwrap()).unwrap(), Signal::KILL);
    }
    eventually("the dead to be seen", SOON, || {
        (instances(&place, &["ended"]).len() == 2).then_some(())
    });
    let done = result_count(&place.data());
    assert!(done < PICTURES as usize, "it was over before the kills");
    until_ready(&place, 4);
    assert!(result_count(&place.data()) < PICTURES as usize, "it was over before that");
    eventually("all results", SOON, || {
        (result_count(&place.data()) == PICTURES as usize).then_some(())
    });
    until_living(&place, 1);
    let timeline = stop(first);

    // Another one finds what is left, and sends it home.
    let second = controller(&place).args(["--max", "4", "--explain"]).start();
    until_living(&place, 0);
    let timeline = format!("{timeline}{}", stop(second));
    let does = |line: &&str| line.contains('→') && !line.ends_with("nothing to do");
    let told = timeline.lines().filter(does);
    println!("{}", told.collect::<Vec<_>>().join("\n"));
    for phrase in ["backlog of", "drain "] {
        assert!(timeline.contains(phrase), "{phrase:?} is not in\n{timeline}");
    }

    // Nothing was lost, and nothing is there twice.
    let ends = ended(&place.data());
    assert!(ends.len() == PICTURES as usize && ends.values().all(|state| state == "done"));
    let queue = &status(&place)["queue"];
    assert_eq!((queue["visible"].as_u64(), queue["in_flight"].as_u64()), (Some(0), Some(0)));
    assert_eq!(status(&place)["dead_letters"], 0);
}

#[test]
fn a_rehearsal_says_what_would_be_done_and_does_nothing() {
    let place = Place::new();
    place.put_photos(3);
    place.on_data("submit").arg(place.input()).args(["--recipe", TWO]).go().expect(0);
    let rehearsal = controller(&place).args(["--dry-run", "--json"]).start();
    let first = eventually("a decision", SOON, || {
        let line = rehearsal.stdout().lines().next()?.to_owned();
        serde_json::from_str::<Value>(&line).ok()
    });
    stop(rehearsal);
    assert_eq!((&first["rehearsed"], &first["rule"]), (&true.into(), &"first_instance".into()));
    assert_eq!(first["actions"][0]["action"], "launch");
    assert!(instances(&place, &["ready", "silent", "ended"]).is_empty());
    assert!(!place.data().join("objects/controller").exists());
}

#[test]
fn everybody_is_sent_home_and_the_command_ends() {
    let place = Place::new();
    let _leftovers = Leftovers(place.data());
    place.put_photos(100);
    place.on_data("submit").arg(place.input()).args(["--recipe", SLOW]).go().expect(0);
    let first = controller(&place).args(["--max", "2"]).start();
    until_ready(&place, 2);
    stop(first);
    controller(&place).args(["--max", "0"]).go().expect(0);
    until_living(&place, 0);
    let queue = &status(&place)["queue"];
    assert_eq!(queue["in_flight"], 0, "what was in work is done or given back");
    assert!(results(&place.data()).values().all(|result| result["state"] == "done"));
}

#[test]
fn a_policy_is_shown_with_all_that_follows_from_it() {
    let shown = pixmill().args(["controller", "--show-policy", "--target-latency", "30s"]);
    let text = shown.go().expect(0).stdout;
    assert!(text.contains("target latency") && text.contains("30s"), "{text}");
    let json = pixmill().args(["controller", "--show-policy", "--json", "--wait-cost", "0.1"]);
    assert_eq!(json.go().expect(0).json()["wait_cost"], 0.1);
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let refused = |flags: &[&str], why: &str| {
        let place = Place::new();
        place.on_data("controller").args(flags).go().expect(2).says(&[why]);
    };
    refused(&["--min", "3", "--max", "2"], "at least 3 instances contradicts at most 2");
    refused(&["--interval", "1ms"], "the interval must be");
    refused(&["--wait-cost", "0"], "the cost of waiting must be");
    let nowhere = pixmill().arg("controller");
    nowhere.go().expect(2).says(&["--data DIR"]);
}

#[test]
fn a_state_that_cannot_be_read_is_not_guessed_at_and_goes_on_once_it_is_removed() {
    let place = Place::new();
    let _leftovers = Leftovers(place.data());
    place.put_photos(1);
    place.on_data("submit").arg(place.input()).args(["--recipe", TWO]).go().expect(0);
    let state = place.data().join("objects/controller/state.json");
    std::fs::create_dir_all(state.parent().unwrap()).unwrap();
    std::fs::write(&state, "{").unwrap();

    let controller = controller(&place).args(["--max", "1"]).start();
    eventually("what to do about it", SOON, || {
        controller.stderr().contains("controller/state.json (if no other").then_some(())
    });
    assert_eq!(std::fs::read(&state).unwrap(), b"{");
    std::fs::remove_file(&state).unwrap();
    eventually("the result", SOON, || (result_count(&place.data()) == 1).then_some(()));
    stop(controller);
}
