//! The fleet on EC2 that the command line names.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use pixmill_contract::{Fleet, SystemClock};
use pixmill_ec2::doctor::Named;
use pixmill_ec2::{AsgFleet, AsgOptions, Ec2Fleet, Ec2Options, FleetOptions, Template};

use crate::args::{self, Data, Launching, Machines};
use crate::listener;

/// What a group waits beyond the drain of its instances' workers: they poll for notices, end their
/// last receive, and release what is left.
const DRAIN_MARGIN: Duration = Duration::from_mins(1);

/// The fleet that a controller looks after. If it is going to act, an Auto Scaling group is told to
/// keep off its instances.
pub(crate) async fn open(args: &args::Controller, acts: bool) -> anyhow::Result<Arc<dyn Fleet>> {
    let configuration = pixmill_aws::configuration().await;
    let options = options(&args.machines)?;
    let clock = Arc::new(SystemClock);
    let Some(group) = &args.machines.asg else {
        let Some(template) = &args.launching.launch_template else {
            bail!("say which machines: --asg NAME, or --launch-template NAME");
        };
        let template = acts.then(|| Template::parse(template));
        let plain = plain(&args.data, &args.launching, template)?;
        return Ok(Arc::new(Ec2Fleet::new(&configuration, &options, plain, clock)?));
    };
    let drain = acts.then(|| args.work.drain_timeout + DRAIN_MARGIN);
    let group = AsgOptions { group: group.clone(), drain };
    let fleet = AsgFleet::new(&configuration, &options, group, clock)?;
    if acts {
        fleet.prepare().await.context("failed to take over the Auto Scaling group")?;
    }
    Ok(Arc::new(fleet))
}

/// The fleet of a pipeline, to be looked at.
pub(crate) async fn seen(data: &Data, machines: &Machines) -> anyhow::Result<Arc<dyn Fleet>> {
    let configuration = pixmill_aws::configuration().await;
    let options = options(machines)?;
    let clock = Arc::new(SystemClock);
    if let Some(group) = &machines.asg {
        let group = AsgOptions { group: group.clone(), drain: None };
        return Ok(Arc::new(AsgFleet::new(&configuration, &options, group, clock)?));
    }
    let plain = Ec2Options { name: name(data)?, ..Ec2Options::default() };
    Ok(Arc::new(Ec2Fleet::new(&configuration, &options, plain, clock)?))
}

/// The fleet that a controller would look after, to be asked about.
pub(crate) fn named(
    data: &Data,
    machines: &Machines,
    launching: &Launching,
) -> anyhow::Result<Named> {
    let template = launching.launch_template.as_deref().map(Template::parse);
    Ok(match &machines.asg {
        Some(group) => Named::Group(group.clone()),
        None => Named::Plain(plain(data, launching, template)?),
    })
}

fn options(machines: &Machines) -> anyhow::Result<FleetOptions> {
    let Some(file) = &machines.token_file else {
        bail!("workers of other machines answer to a token only: say --token-file FILE");
    };
    Ok(FleetOptions {
        target_group: machines.target_group.clone(),
        port: machines.worker_port,
        token: listener::token_text(file)?,
    })
}

fn plain(
    data: &Data,
    launching: &Launching,
    template: Option<Template>,
) -> anyhow::Result<Ec2Options> {
    Ok(Ec2Options {
        name: name(data)?,
        template,
        subnets: launching.subnet.clone(),
        types: launching.instance_type.clone(),
        spot: launching.spot,
        stopped_pool: launching.stopped_pool,
    })
}

/// What the instances of a pipeline are tagged with: the name of its queue, by which they are found
/// again whatever launches them.
fn name(data: &Data) -> anyhow::Result<String> {
    let queue = data.queue.as_deref().context("a pipeline on AWS has a queue: say --queue")?;
    Ok(queue.rsplit(['/', ':']).next().unwrap_or(queue).to_owned())
}
