//! `pixmill doctor`: what is wrong with a pipeline, and how to mend it.
//!
//! Facts are gathered first, by the adapters; what they mean is decided in pure functions from facts
//! to findings.

#[cfg(feature = "aws")]
mod aws;
mod finding;
#[cfg(feature = "aws")]
mod fleet;
mod local;

use std::process::ExitCode;

use crate::args::Backend;
#[cfg(feature = "aws")]
use crate::backend::aws_options;
use crate::backend::no_directory;
use crate::shown::plural;
use crate::{args, exit, print};
use finding::{Finding, Status};

#[cfg_attr(not(feature = "aws"), expect(clippy::unused_async, reason = "only AWS is asked"))]
pub(crate) async fn run(args: args::Doctor) -> anyhow::Result<ExitCode> {
    let findings = match args.data.backend {
        Backend::Local => {
            let directory = args.data.data.clone().ok_or_else(no_directory)?;
            local::findings(&directory, &local::look(&directory))
        }
        #[cfg(feature = "aws")]
        Backend::Aws => {
            let options = aws_options(&args.data, pixmill_aws::Linger::default())?;
            let configuration = pixmill_aws::configuration().await;
            let facts = Box::pin(pixmill_aws::doctor::look(&configuration, &options)).await;
            let mut findings = aws::findings(&facts, &args.data.flags());
            if facts.answers.is_some() {
                findings.extend(of_fleet(&args, &configuration).await?);
            }
            findings
        }
        #[cfg(not(feature = "aws"))]
        Backend::Aws => anyhow::bail!("{}", crate::backend::WITHOUT_AWS),
    };
    print(&if args.json {
        format!("{:#}\n", serde_json::json!(findings))
    } else {
        text(&findings)
    })?;
    let is_wrong = findings.iter().any(|finding| finding.status == Status::Error);
    Ok(if is_wrong { exit::FAILED.into() } else { ExitCode::SUCCESS })
}

/// What is wrong with the fleet, if one is named.
#[cfg(feature = "aws")]
async fn of_fleet(
    args: &args::Doctor,
    configuration: &pixmill_aws::SdkConfig,
) -> anyhow::Result<Vec<Finding>> {
    let args::Doctor { data, machines, launching, max, .. } = args;
    let is_named = machines.asg.is_some() || launching.launch_template.is_some();
    if !is_named {
        return Ok(vec![]);
    }
    let of = crate::ec2::named(data, machines, launching)?;
    let target_group = machines.target_group.as_deref();
    let facts = pixmill_ec2::doctor::look(configuration, &of, target_group).await?;
    let group = machines.asg.as_deref();
    Ok(fleet::findings(&facts, fleet::Named { group, max: *max, port: machines.worker_port }))
}

fn text(findings: &[Finding]) -> String {
    let mut text: String = findings.iter().map(Finding::to_text).collect();
    let count = |status| findings.iter().filter(|finding| finding.status == status).count();
    let (errors, warnings) = (count(Status::Error), count(Status::Warning));
    text.push_str(&match (errors, warnings) {
        (0, 0) => "Nothing is wrong\n".to_owned(),
        _ => format!("{}, {}\n", plural(errors, "error"), plural(warnings, "warning")),
    });
    text
}
