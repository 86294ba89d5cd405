//! The limits of one worker: what it refuses before it decodes a picture.

use std::time::Duration;

use crate::recipe::Recipe;
use crate::reject::{RejectCode, Rejection};

/// What a worker takes on. Every limit has a code of its own in [`RejectCode`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Largest encoded input in bytes.
    pub input_bytes: u64,
    /// Longest side of a frame in pixels, in and out.
    pub side: u32,
    /// Most pixels of a frame, in and out.
    pub pixels: u64,
    /// Most outputs of a recipe.
    pub outputs: usize,
    /// Most operations of a chain.
    pub operations: usize,
    /// Largest kernel in pixels.
    pub kernel: u32,
    /// Most memory that one job may be estimated to need, in bytes.
    pub memory_bytes: u64,
    /// Longest time that a job may take, however large its picture.
    pub deadline: Duration,
}

impl Default for Limits {
    /// Wide enough for every camera on sale, narrow enough that eight hostile pictures at once do
    /// not take a small machine down.
    fn default() -> Self {
        Self {
            input_bytes: 64 * 1024 * 1024,
            side: 16_384,
            pixels: 50_000_000,
            outputs: 16,
            operations: 32,
            kernel: 255,
            memory_bytes: 1024 * 1024 * 1024,
            deadline: Duration::from_mins(5),
        }
    }
}

impl Limits {
    /// Refuses a recipe that asks for too much, whatever the picture.
    pub fn check_recipe(&self, recipe: &Recipe) -> Result<(), Rejection> {
        let count = recipe.outputs().len();
        if count > self.outputs {
            let reason = format!("{count} outputs, the limit is {}", self.outputs);
            return Err(Rejection::new(RejectCode::TooManyOutputs, reason));
        }
        for output in recipe.outputs() {
            let count = output.chain.len();
            if count > self.operations {
                let reason = format!(
                    "{count} operations in output {}, the limit is {}",
                    output.name, self.operations
                );
                return Err(Rejection::new(RejectCode::TooManyOperations, reason));
            }
            for operation in &output.chain {
                let kernel = operation.largest_kernel();
                if kernel > self.kernel {
                    let reason = format!(
                        "`{}` with a kernel of {kernel} px, the limit is {}",
                        operation.entry().name,
                        self.kernel
                    );
                    return Err(Rejection::new(RejectCode::KernelTooLarge, reason));
                }
            }
        }
        Ok(())
    }

    /// Refuses an encoded input by its size.
    pub fn check_input(&self, bytes: u64) -> Result<(), Rejection> {
        if bytes == 0 {
            return Err(Rejection::new(RejectCode::Empty, "the file is empty"));
        }
        if bytes > self.input_bytes {
            let reason = format!("{bytes} bytes, the limit is {}", self.input_bytes);
            return Err(Rejection::new(RejectCode::InputTooLarge, reason));
        }
        Ok(())
    }

    /// Refuses a frame by its sides and pixels; `what` names it in the reason.
    pub fn check_frame(&self, what: &str, width: u32, height: u32) -> Result<(), Rejection> {
        if width.max(height) > self.side {
            let reason = format!("{what} is {width}×{height}, the limit is {} a side", self.side);
            return Err(Rejection::new(RejectCode::SideTooLarge, reason));
        }
        if u64::from(width) * u64::from(height) > self.pixels {
            let reason = format!("{what} is {width}×{height}, the limit is {} pixels", self.pixels);
            return Err(Rejection::new(RejectCode::TooManyPixels, reason));
        }
        Ok(())
    }
}
