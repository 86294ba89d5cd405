//! Rejections: facts about a picture or a job that no retry changes.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a job failed. The names are part of the public contract: they never change meaning.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum RejectCode {
    /// The source has no bytes.
    Empty,
    /// The source's bytes are no picture that anybody would recognise.
    NotAPicture,
    /// A picture, but of a format or kind that is not read here.
    Unsupported,
    /// The source ends before its picture does.
    Truncated,
    /// The source contradicts its format.
    Corrupt,
    /// More encoded bytes than the limit.
    InputTooLarge,
    /// A side longer than the limit, in or out.
    SideTooLarge,
    /// More pixels than the limit, in or out.
    TooManyPixels,
    /// More outputs than the limit.
    TooManyOutputs,
    /// More operations in a chain than the limit.
    TooManyOperations,
    /// A kernel larger than the limit.
    KernelTooLarge,
    /// The job would need more memory than a job may have.
    OverMemory,
    /// An operation cannot be applied to this picture, as a crop that reaches outside.
    Inapplicable,
    /// The source does not exist.
    SourceMissing,
    /// The source is not what it was when the job was sent.
    SourceChanged,
    /// The source may not be read, while the store as such answers.
    SourceDenied,
    /// An overlay of the recipe does not exist.
    OverlayMissing,
    /// An overlay is not what it was when the job was sent.
    OverlayChanged,
    /// An overlay cannot be read as a picture, is over a limit, or may not be read.
    BadOverlay,
    /// An output's key is taken by something that this job did not make.
    OutputExists,
    /// An output's key cannot exist in the store, as a name that is too long.
    BadOutputKey,
    /// The job's recipe does not parse.
    BadRecipe,
    /// The job breaks a rule of its document, as a bucket that is not allowed.
    BadJob,
    /// The picture made the worker's own code panic, twice.
    Panicked,
    /// The worker died or gave up on it too many times (`dead`, not `failed`).
    TooManyAttempts,
}

impl RejectCode {
    /// The stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::NotAPicture => "not_a_picture",
            Self::Unsupported => "unsupported",
            Self::Truncated => "truncated",
            Self::Corrupt => "corrupt",
            Self::InputTooLarge => "input_too_large",
            Self::SideTooLarge => "side_too_large",
            Self::TooManyPixels => "too_many_pixels",
            Self::TooManyOutputs => "too_many_outputs",
            Self::TooManyOperations => "too_many_operations",
            Self::KernelTooLarge => "kernel_too_large",
            Self::OverMemory => "over_memory",
            Self::Inapplicable => "inapplicable",
            Self::SourceMissing => "source_missing",
            Self::SourceChanged => "source_changed",
            Self::SourceDenied => "source_denied",
            Self::OverlayMissing => "overlay_missing",
            Self::OverlayChanged => "overlay_changed",
            Self::BadOverlay => "bad_overlay",
            Self::OutputExists => "output_exists",
            Self::BadOutputKey => "bad_output_key",
            Self::BadRecipe => "bad_recipe",
            Self::BadJob => "bad_job",
            Self::Panicked => "panicked",
            Self::TooManyAttempts => "too_many_attempts",
        }
    }
}

impl fmt::Display for RejectCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A rejection: the code for programs, the reason for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {reason}")]
pub struct Rejection {
    /// The stable code.
    pub code: RejectCode,
    /// What exactly, with the values that matter.
    pub reason: String,
}

impl Rejection {
    /// A rejection with its reason.
    pub fn new(code: RejectCode, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into() }
    }
}
