//! The metadata service of an EC2 instance, as far as a worker asks it: version 2, which demands a
//! token first.

use std::collections::HashMap;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

const TOKEN: &str = "a-token-of-the-service";

/// A running service; its thread ends with the process.
pub(crate) struct MetadataService {
    port: u16,
    paths: Arc<Mutex<HashMap<String, String>>>,
}

impl MetadataService {
    pub(crate) fn start(instance: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let paths = Arc::new(Mutex::new(HashMap::new()));
        let answers = Arc::clone(&paths);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // Whoever breaks off gets no answer.
                drop(serve(client, &answers));
            }
        });
        let service = Self { port, paths };
        service.say("instance-id", instance);
        service.say("placement/availability-zone", "eu-central-1a");
        service.say("instance-type", "c7i.large");
        service.say("autoscaling/target-lifecycle-state", "InService");
        service
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// From now on this is what is at a path.
    pub(crate) fn say(&self, path: &str, text: &str) {
        self.paths.lock().unwrap().insert(path.to_owned(), text.to_owned());
    }
}

fn serve(mut client: TcpStream, paths: &Mutex<HashMap<String, String>>) -> io::Result<()> {
    let mut lines = BufReader::new(client.try_clone()?).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let mut has_token = false;
    for line in lines {
        let line = line?;
        if line.is_empty() {
            break;
        }
        has_token |= line.eq_ignore_ascii_case(&format!("x-aws-ec2-metadata-token: {TOKEN}"));
    }
    let mut words = first.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let known = path.strip_prefix("/latest/meta-data/").and_then(|path| {
        let paths = paths.lock().unwrap();
        paths.get(path).cloned()
    });
    let (status, body) = match (method, path, known) {
        ("PUT", "/latest/api/token", _) => ("200 OK", TOKEN.to_owned()),
        ("GET", ..) if !has_token => ("401 Unauthorized", String::new()),
        ("GET", _, Some(text)) => ("200 OK", text),
        _ => ("404 Not Found", String::new()),
    };
    let length = body.len();
    write!(
        client,
        "HTTP/1.1 {status}\r\nx-aws-ec2-metadata-token-ttl-seconds: 21600\r\n\
         connection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}
