//! The command line of a fleet on EC2.

use std::path::PathBuf;

use clap::Args;

/// Which instances of EC2 are a fleet.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Fleet on EC2")]
pub(crate) struct Machines {
    /// On AWS: the Auto Scaling group whose instances are the fleet.
    #[arg(long, env = "PIXMILL_ASG", value_name = "NAME")]
    pub(crate) asg: Option<String>,

    /// On AWS: the ARN of the target group that says how the instances are.
    #[arg(long, env = "PIXMILL_TARGET_GROUP", value_name = "ARN")]
    pub(crate) target_group: Option<String>,

    /// On AWS: the port that the workers listen at, by their --listen.
    #[arg(long, env = "PIXMILL_WORKER_PORT", default_value_t = 8080, value_name = "PORT")]
    pub(crate) worker_port: u16,

    /// On AWS: a file whose first line is the token that the workers know, by their --token-file.
    #[arg(long, env = "PIXMILL_TOKEN_FILE", value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
}

/// How instances are launched that are in no Auto Scaling group.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Fleet on EC2")]
pub(crate) struct Launching {
    /// On AWS: without an Auto Scaling group, the launch template of the instances, by its name or
    /// its id, with a version if it is not the default one.
    #[arg(
        long,
        env = "PIXMILL_LAUNCH_TEMPLATE",
        conflicts_with = "asg",
        value_name = "NAME[:VERSION]"
    )]
    pub(crate) launch_template: Option<String>,

    /// A subnet for such instances, and so a zone; may be given several times, or with commas in
    /// between. One without free machines is left out for a while [default: the template's].
    #[arg(
        long,
        env = "PIXMILL_SUBNETS",
        value_delimiter = ',',
        requires = "launch_template",
        value_name = "ID"
    )]
    pub(crate) subnet: Vec<String>,

    /// A type for such instances, the preferred one first; likewise [default: the template's].
    #[arg(
        long,
        env = "PIXMILL_INSTANCE_TYPES",
        value_delimiter = ',',
        requires = "launch_template",
        value_name = "TYPE"
    )]
    pub(crate) instance_type: Vec<String>,

    /// Launch spot instances as long as there are any, and others where there are none.
    #[arg(long, env = "PIXMILL_SPOT", requires = "launch_template")]
    pub(crate) spot: bool,

    /// Keep so many stopped that were sent home, to be started again.
    #[arg(long, env = "PIXMILL_STOPPED_POOL", default_value_t = 0, value_name = "N")]
    pub(crate) stopped_pool: u32,

    /// On AWS: publish metrics in this namespace of CloudWatch, every minute.
    #[arg(long, env = "PIXMILL_CLOUDWATCH", value_name = "NAMESPACE")]
    pub(crate) cloudwatch: Option<String>,
}
