//! What somebody could do who had taken over a decoder: nothing beyond the outputs.

use landlock::{AccessFs, AccessNet, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _};

use crate::harness::{Place, codes, marked};

/// Whether this kernel can hold a process to all of it.
fn kernel_can() -> bool {
    let ruleset = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    let ruleset = ruleset.handle_access(AccessFs::Refer);
    let ruleset = ruleset.and_then(|ruleset| ruleset.handle_access(AccessNet::ConnectTcp));
    ruleset.and_then(Ruleset::create).is_ok()
}

#[test]
fn a_decoder_that_was_taken_over_writes_nowhere_starts_nothing_and_connects_to_nobody() {
    let place = Place::new();
    place.put("escape.jpg", &marked(1, "escape"));
    place.put_photos(2);
    let run = place.run("resize:64 -> jpeg").arg("--json").go();
    if kernel_can() {
        assert_eq!(run.expect(0).json()["done"], 3);
    } else {
        // Nothing is enforced, and all other work goes on as ever.
        let report = run.expect(1).json();
        assert_eq!(codes(&report)["escape.jpg"], "failed/panicked", "{report}");
        assert_eq!(report["done"], 2);
    }
}
