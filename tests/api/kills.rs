//! Kills between a request and whatever comes of it: what was answered with 202 ends, and a request
//! that is repeated by its key, as its sender never learned what came of it, is still one request.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;

use fastrand::Rng;

use super::{SOON, Server, send_to, worker};
use crate::harness::{Patience, Place, eventually, photo, result_count, results};

/// How often the everyday form kills the server; `PIXMILL_SOAK_KILLS` names another number.
const KILLS: usize = 20;

/// Who asks at once.
const CLIENTS: usize = 4;

fn soak_kills() -> usize {
    let wanted = std::env::vars().find(|(name, _)| name == "PIXMILL_SOAK_KILLS");
    wanted.map_or(KILLS, |(_, count)| count.parse().unwrap())
}

/// What those share who ask.
struct Clients {
    /// Where the server is now.
    at: Mutex<SocketAddr>,
    /// Whether each is to stop with the request that it is at.
    is_over: AtomicBool,
    unanswered: AtomicUsize,
}

impl Clients {
    /// Sends one picture after the other, each as often as it takes to be told that it is accepted,
    /// and says so. Returns how many that were.
    fn send(&self, client: usize, accepted: &Sender<()>) -> usize {
        for n in 0.. {
            let name = format!("{client}-{n}");
            let fields = ["Content-Type: image/jpeg", &format!("Idempotency-Key: {name}")];
            let picture = photo(u32::try_from(n % 8).unwrap());
            let request = format!("POST /v1/jobs?recipe=resize:32+-%3E+png&name={name}.jpg");
            let patience = Patience::new(SOON);
            loop {
                let at = *self.at.lock().unwrap();
                if let Some(reply) = send_to(at, &request, &fields, &picture) {
                    reply.expect(202);
                    break;
                }
                self.unanswered.fetch_add(1, Ordering::SeqCst);
                assert!(patience.wait(), "nobody answers {name}");
            }
            accepted.send(()).unwrap();
            if self.is_over.load(Ordering::SeqCst) {
                return n + 1;
            }
        }
        unreachable!("there are more numbers than requests")
    }
}

#[test]
fn what_is_accepted_ends_once_however_often_the_server_is_killed_right_after_the_answer() {
    let place = Place::new();
    let mut server = Server::of(&place);
    let _worker = worker(&place);
    let clients = Clients {
        at: Mutex::new(server.at),
        is_over: AtomicBool::new(false),
        unanswered: AtomicUsize::new(0),
    };
    let (kills, mut rng) = (soak_kills(), Rng::with_seed(7));
    let accepted: usize = thread::scope(|scope| {
        let (told, news) = channel();
        let start = |client| {
            let (clients, told) = (&clients, told.clone());
            scope.spawn(move || clients.send(client, &told))
        };
        let running: Vec<_> = (0..CLIENTS).map(start).collect();
        for _ in 0..kills {
            for _ in 0..rng.usize(1..6) {
                news.recv_timeout(SOON).expect("something is accepted");
            }
            // Half of the kills come right after an answer, half while others are on their way.
            if rng.bool() {
                Patience::new(SOON).wait();
            }
            server.process.kill();
            server = Server::of(&place);
            *clients.at.lock().unwrap() = server.at;
        }
        clients.is_over.store(true, Ordering::SeqCst);
        running.into_iter().map(|client| client.join().unwrap()).sum()
    });
    eventually("all results", SOON, || (result_count(&place.data()) >= accepted).then_some(()));
    eventually("an empty queue", SOON, || {
        let queue = &place.on_data("status").arg("--json").go().expect(0).json()["queue"];
        ["visible", "in_flight", "delayed"].iter().all(|what| queue[what] == 0).then_some(())
    });
    let results = results(&place.data());
    assert_eq!(results.len(), accepted, "one result a request");
    assert!(results.values().all(|result| result["state"] == "done"));
    let cut = clients.unanswered.load(Ordering::SeqCst);
    println!("{kills} kills, {accepted} requests, {cut} times without an answer: one result each");
    assert!(cut > 0, "no kill hit a request");
}
