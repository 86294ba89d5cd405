//! What somebody can do about a job that is not done.

use pixmill_contract::RejectCode;

/// Advice for people, in a sentence.
pub(crate) fn hint(code: RejectCode) -> &'static str {
    match code {
        RejectCode::Empty | RejectCode::Truncated => "Copy the picture again: a part is missing.",
        RejectCode::NotAPicture => "Leave it out, or send the picture itself.",
        RejectCode::Unsupported => "Save it as JPEG, PNG, WebP, GIF, BMP or TIFF.",
        RejectCode::Corrupt => "Open and save it in another program, or send the original.",
        RejectCode::InputTooLarge => "Send a smaller file, or raise --max-input.",
        RejectCode::SideTooLarge => "Send a smaller picture, or raise --max-side.",
        RejectCode::TooManyPixels => "Send a smaller picture, or raise --max-pixels.",
        RejectCode::TooManyOutputs => "Ask for fewer outputs, or raise --max-outputs.",
        RejectCode::TooManyOperations => "Make the chain shorter, or raise --max-operations.",
        RejectCode::KernelTooLarge => "Ask for a smaller kernel, or raise --max-kernel.",
        RejectCode::OverMemory => "Send a smaller picture, or raise --max-memory.",
        RejectCode::Inapplicable => "Change the recipe, so that it fits a picture of this size.",
        RejectCode::SourceMissing => "Send the picture again: it was removed.",
        RejectCode::SourceChanged => "Send it again as it is now.",
        RejectCode::SourceDenied => "Let the workers read it, and retry.",
        RejectCode::OverlayMissing => "Put the overlay into the store, and retry.",
        RejectCode::OverlayChanged => "Send the job again with the overlay as it is now.",
        RejectCode::BadOverlay => "Take another picture for an overlay.",
        RejectCode::OutputExists => "Take another batch or template, or let it overwrite.",
        RejectCode::BadOutputKey => "Give the picture or the outputs a shorter name.",
        RejectCode::BadRecipe | RejectCode::BadJob => "Send it again with a recipe that is good.",
        RejectCode::Panicked => "It is a bug of pixmill's: please report it with the picture.",
        RejectCode::TooManyAttempts => "See what its attempts ended with, then redrive or retry.",
    }
}
