//! What the Lanczos filter was asked, and answered, for one size after another: its sines are a tenth
//! of the work of a small thumbnail, and pictures of one size ask the same again.
//!
//! The resizer asks a function that knows nothing but a distance, so what was answered lies beside it,
//! in the thread, while a picture is resized. An answer is given again only to the same question.

use std::cell::RefCell;
use std::f64::consts::PI;

/// Of the Lanczos filter that everyone means, on either side.
pub(crate) const LOBES: f64 = 3.0;
/// Sizes that are remembered: those of three planes, of pictures that lie and that stand.
const SIZES: usize = 12;
/// Most answers of one size; a million bytes.
const ANSWERS: usize = 1 << 16;

/// What distinguishes one resizing from another: the source, the part of it, the target.
pub(crate) type Size = ((u32, u32), [u64; 4], (u32, u32));

/// Answers of several sizes, the last used first.
#[derive(Debug, Default)]
pub(crate) struct Kept(Vec<(Size, Vec<(f64, f64)>)>);

/// The answers of one size, in the order of the questions, and which comes next.
#[derive(Debug, Default)]
struct Answers {
    given: Vec<(f64, f64)>,
    next: usize,
}

thread_local! {
    static ANSWERS_NOW: RefCell<Answers> = const { RefCell::new(Answers { given: vec![], next: 0 }) };
}

impl Kept {
    /// Resizes with what was answered for the size before.
    pub(crate) fn with<T>(&mut self, size: Size, resize: impl FnOnce() -> T) -> T {
        let place = self.0.iter().position(|(kept, _)| *kept == size);
        let (_, given) = place.map_or((size, vec![]), |place| self.0.remove(place));
        ANSWERS_NOW.set(Answers { given, next: 0 });
        let made = resize();
        self.0.insert(0, (size, ANSWERS_NOW.take().given));
        self.0.truncate(SIZES);
        made
    }

    /// Bytes of all answers.
    pub(crate) fn bytes(&self) -> usize {
        self.0.iter().map(|(_, given)| given.capacity() * size_of::<(f64, f64)>()).sum()
    }
}

/// The Lanczos filter of [`LOBES`] lobes.
pub(crate) fn lanczos(x: f64) -> f64 {
    ANSWERS_NOW.with_borrow_mut(|Answers { given, next }| {
        let place = *next;
        *next += 1;
        match given.get(place) {
            Some((asked, answer)) if asked.to_bits() == x.to_bits() => *answer,
            _ => {
                let answer = computed(x);
                given.truncate(place);
                if place == given.len() && place < ANSWERS {
                    given.push((x, answer));
                }
                answer
            }
        }
    })
}

fn computed(x: f64) -> f64 {
    let sinc = |x: f64| if x == 0.0 { 1.0 } else { (x * PI).sin() / (x * PI) };
    if (-LOBES..LOBES).contains(&x) { sinc(x) * sinc(x / LOBES) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_answered_before_is_what_is_computed() {
        let mut kept = Kept::default();
        let size = |n| ((n, 1), [0; 4], (1, 1));
        let questions = |n: u32| (0..n).map(move |i| f64::from(i) * 7.0 / f64::from(n) - 3.5);
        for n in [10, 300, 10, 4, 300, 11, 10] {
            for asked in [n, n / 2, n] {
                kept.with(size(n % 4), || {
                    assert!(
                        questions(asked).all(|x| lanczos(x).to_bits() == computed(x).to_bits())
                    );
                });
            }
        }
        assert!(kept.bytes() > 0);
    }
}
