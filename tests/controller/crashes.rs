//! Controllers that die, and controllers that meet.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use pixmill_contract::error::Result;
use pixmill_contract::port::{Instance, Intent};
use pixmill_contract::{Fleet, InstanceId};
use tokio::sync::Notify;

use super::bad::{self, Leaving};
use super::working::{Working, until};
use super::world::{On, World};
use crate::harness::TWO;

/// A fleet whose controller dies with the first action: it has its effect, and nothing comes after.
#[derive(Debug)]
struct Deadly {
    inner: Arc<dyn Fleet>,
    is_over: AtomicBool,
    over: Notify,
}

impl Deadly {
    fn new(inner: Arc<dyn Fleet>) -> Self {
        Self { inner, is_over: AtomicBool::new(false), over: Notify::new() }
    }

    async fn act(&self, action: impl Future<Output = Result<()>>) -> Result<()> {
        if !self.is_over.swap(true, Ordering::SeqCst) {
            drop(action.await);
            self.over.notify_one();
        }
        std::future::pending().await
    }
}

#[async_trait]
impl Fleet for Deadly {
    async fn observe(&self) -> Result<Vec<Instance>> {
        self.inner.observe().await
    }

    async fn launch(&self, intent: &Intent) -> Result<()> {
        self.act(self.inner.launch(intent)).await
    }

    async fn drain(&self, id: &InstanceId) -> Result<()> {
        self.act(self.inner.drain(id)).await
    }

    async fn terminate(&self, id: &InstanceId) -> Result<()> {
        self.act(self.inner.terminate(id)).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_controller_that_is_killed_after_every_single_action_still_converges() {
    let world = World::new(On::Processes, 2, &[]).await;
    world.place.put_photos(40);
    world.submit(TWO);
    let (mut lives, mut worked) = (0, false);
    loop {
        let deadly = Arc::new(Deadly::new(Arc::clone(&world.fleet)));
        let working = Working::start(world.controller_of(Arc::clone(&deadly) as Arc<dyn Fleet>));
        let is_home = async {
            until("the end", async || {
                world.ground.result_count() == 40 && world.living().await.is_empty()
            })
            .await;
        };
        let is_over = tokio::select! {
            () = deadly.over.notified() => false,
            () = is_home => true,
        };
        working.crash().await;
        let living = world.living().await.len();
        assert!(living <= 2, "{living} instances where two are allowed");
        worked |= living > 0;
        lives += 1;
        assert!(lives < 60, "it does not converge");
        if is_over {
            break;
        }
    }
    println!("{lives} lives of a controller, {} instances", world.ever());
    assert!(worked && lives > 3, "{lives}");
    // Each intent brought its instances once: two to work, and none for an answer that was lost.
    assert!(world.ever() <= 3, "{} instances", world.ever());
    world.assert_all_done(40);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_controllers_one_acts_and_the_other_takes_over() {
    bad::two_controllers_meet(On::Processes, Leaving::Killed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_controller_that_is_stopped_leaves_at_once() {
    bad::two_controllers_meet(On::Processes, Leaving::Stopped).await;
}
