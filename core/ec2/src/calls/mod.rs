//! The calls of EC2, Auto Scaling and load balancing that a fleet takes, each in its service's words.

pub(crate) mod balancing;
pub(crate) mod ec2;
pub(crate) mod machine;
pub(crate) mod scaling;
