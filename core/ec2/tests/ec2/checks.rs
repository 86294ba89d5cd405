//! What the cloud that is played says of instances: EC2's own checks, and a target group's.

use crate::cloud::State;
use crate::server::{Call, Reply};

/// What a target is at first.
pub(crate) const REGISTERED: (&str, &str) = ("initial", "Elb.RegistrationInProgress");

impl State {
    pub(crate) fn failing(&self, call: &Call) -> Reply {
        assert_eq!(call.get("Filter.1.Value.1"), "impaired");
        let (check, _) = call.get("Filter.1.Name").split_once("-status").unwrap();
        let failing = self.impaired.iter().filter(|(_, of)| *of == check);
        let one = |(id, _): &(String, &str)| format!("<item><instanceId>{id}</instanceId></item>");
        let all: String = failing.map(one).collect();
        Reply::ok(format!("<R><instanceStatusSet>{all}</instanceStatusSet></R>"))
    }

    pub(crate) fn health(&self) -> Reply {
        let one = |(id, (state, reason)): (&String, &(&str, &str))| {
            format!(
                "<member><Target><Id>{id}</Id><Port>80</Port></Target><TargetHealth>\
                 <State>{state}</State><Reason>{reason}</Reason></TargetHealth></member>"
            )
        };
        let all: String = self.targets.iter().map(one).collect();
        Reply::ok(format!(
            "<R><DescribeTargetHealthResult><TargetHealthDescriptions>{all}\
             </TargetHealthDescriptions></DescribeTargetHealthResult></R>"
        ))
    }

    pub(crate) fn register(
        &mut self,
        call: &Call,
        health: Option<(&'static str, &'static str)>,
    ) -> Reply {
        let ids: Vec<_> = (1..)
            .map_while(|n| call.form.get(&format!("Targets.member.{n}.Id")).cloned())
            .collect();
        for id in ids {
            match health {
                Some(health) => drop(self.targets.insert(id, health)),
                None => drop(self.targets.remove(&id)),
            }
        }
        Reply::ok("<R/>")
    }
}
