//! Single calls that wait a moment, so that those which come together share one request.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use pixmill_contract::error::Result;
use pixmill_contract::{Error, ErrorKind};
use tokio::sync::oneshot;

use super::BATCH;

type Answers = Vec<Result<()>>;
type Call<T> = dyn Fn(Vec<T>) -> Pin<Box<dyn Future<Output = Answers> + Send>> + Send + Sync;

/// A call that takes many entries and answers each.
pub(super) struct Lingering<T> {
    linger: Duration,
    call: Arc<Call<T>>,
    waiting: Arc<Mutex<Waiting<T>>>,
}

struct Waiting<T> {
    entries: Vec<(T, oneshot::Sender<Result<()>>)>,
    /// Which request the entries will go with: a timer minds no other.
    request: u64,
}

impl<T: Send + 'static> Lingering<T> {
    pub(super) fn new(
        linger: Duration,
        call: impl Fn(Vec<T>) -> Pin<Box<dyn Future<Output = Answers> + Send>> + Send + Sync + 'static,
    ) -> Self {
        let waiting = Waiting { entries: Vec::new(), request: 0 };
        Self { linger, call: Arc::new(call), waiting: Arc::new(Mutex::new(waiting)) }
    }

    /// Lists go at once; one entry alone waits for others, until they fill a request or its time
    /// has come. An entry that waits goes even if whoever sent it stops waiting.
    pub(super) async fn call(&self, mut entries: Vec<T>) -> Answers {
        let alone = if entries.len() == 1 && !self.linger.is_zero() { entries.pop() } else { None };
        let Some(entry) = alone else { return (self.call)(entries).await };
        let (sender, answer) = oneshot::channel();
        self.wait(entry, sender);
        let lost =
            |_| Err(Error::bare(ErrorKind::Unavailable, "share a request: the runtime is ending"));
        vec![answer.await.unwrap_or_else(lost)]
    }

    fn wait(&self, entry: T, sender: oneshot::Sender<Result<()>>) {
        let mut waiting = self.lock();
        waiting.entries.push((entry, sender));
        if waiting.entries.len() == BATCH {
            let full = waiting.take();
            tokio::spawn(flush(Arc::clone(&self.call), full));
        } else if waiting.entries.len() == 1 {
            let (linger, request, this) = (self.linger, waiting.request, self.clone());
            tokio::spawn(async move {
                tokio::time::sleep(linger).await;
                let due = {
                    let mut waiting = this.lock();
                    if waiting.request == request { waiting.take() } else { return }
                };
                flush(this.call, due).await;
            });
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<T>> {
        self.waiting.lock().expect("no code panics with this lock")
    }
}

impl<T> Waiting<T> {
    fn take(&mut self) -> Vec<(T, oneshot::Sender<Result<()>>)> {
        self.request += 1;
        std::mem::take(&mut self.entries)
    }
}

async fn flush<T>(call: Arc<Call<T>>, entries: Vec<(T, oneshot::Sender<Result<()>>)>) {
    let (entries, senders): (Vec<_>, Vec<_>) = entries.into_iter().unzip();
    for (answer, sender) in call(entries).await.into_iter().zip(senders) {
        // Whoever sent it may have stopped waiting.
        drop(sender.send(answer));
    }
}

impl<T> Clone for Lingering<T> {
    fn clone(&self) -> Self {
        let Self { linger, call, waiting } = self;
        Self { linger: *linger, call: Arc::clone(call), waiting: Arc::clone(waiting) }
    }
}

impl<T> fmt::Debug for Lingering<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lingering").field("linger", &self.linger).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Requests = Arc<Mutex<Vec<Vec<&'static str>>>>;

    /// A call that keeps what each request held, and refuses `bad`.
    fn recording() -> (Lingering<&'static str>, Requests) {
        let requests = Requests::default();
        let kept = Arc::clone(&requests);
        let lingering =
            Lingering::new(Duration::from_secs(1), move |entries: Vec<&'static str>| {
                kept.lock().unwrap().push(entries.clone());
                let refused = || Err(Error::bare(ErrorKind::Invalid, "take it"));
                let answer = move |entry| if entry == "bad" { refused() } else { Ok(()) };
                Box::pin(async move { entries.into_iter().map(answer).collect() })
            });
        (lingering, requests)
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_together_goes_together_and_is_answered_apart() {
        let (lingering, requests) = recording();
        let (good, bad) = tokio::join!(lingering.call(vec!["good"]), lingering.call(vec!["bad"]));
        assert!(good[0].is_ok() && bad[0].is_err());
        assert_eq!(*requests.lock().unwrap(), [vec!["good", "bad"]]);
    }

    #[tokio::test(start_paused = true)]
    async fn ten_do_not_wait_and_the_eleventh_has_time_of_its_own() {
        let (lingering, requests) = recording();
        let start = tokio::time::Instant::now();
        let ten: Vec<_> = (0..10)
            .map(|_| {
                let lingering = lingering.clone();
                tokio::spawn(async move { lingering.call(vec!["x"]).await })
            })
            .collect();
        for one in ten {
            assert!(one.await.unwrap()[0].is_ok());
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
        tokio::time::sleep(Duration::from_millis(900)).await;
        let eleventh = tokio::time::Instant::now();
        assert!(lingering.call(vec!["x"]).await[0].is_ok());
        assert_eq!(eleventh.elapsed(), Duration::from_secs(1), "not the first one's timer");
        assert_eq!(requests.lock().unwrap().iter().map(Vec::len).collect::<Vec<_>>(), [10, 1]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_waits_for_any_more_goes_all_the_same() {
        let (lingering, requests) = recording();
        let impatient = tokio::time::timeout(Duration::from_millis(1), lingering.call(vec!["x"]));
        assert!(impatient.await.is_err());
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(*requests.lock().unwrap(), [vec!["x"]]);
    }
}
