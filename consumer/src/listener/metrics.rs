//! The report as metrics for Prometheus.
//!
//! Labels need no escaping: identifiers and names of operations hold neither quotes nor
//! backslashes. There are at most as many time series as a report has paces.

use pixmill_contract::document::{Pace, Report};
use pixmill_contract::{MetricsPage, Timestamp};

/// A report as metrics.
pub(super) fn text(report: &Report, healthy: bool) -> String {
    let mut page = MetricsPage::default();
    page.head("worker_info", "gauge", "Who this is.");
    let instance = report.instance.as_ref().map(ToString::to_string).unwrap_or_default();
    let labels = format!("{{instance_id=\"{instance}\",worker=\"{}\"}}", report.worker);
    page.sample("worker_info", &labels, 1);
    states(&mut page, report, healthy);
    page.single("messages_received_total", "counter", "Messages received.", report.received);
    page.single("messages_ended_total", "counter", "Messages whose jobs ended here.", report.ended);
    let seconds = report.job_seconds;
    page.head("job_seconds", "summary", "How long the jobs that ended here kept a slot.");
    page.sample("job_seconds_sum", "", seconds.sum);
    page.sample("job_seconds_count", "", seconds.count);
    paces(&mut page, report);
    page.into_text()
}

/// What is going on at this moment.
fn states(page: &mut MetricsPage, report: &Report, healthy: bool) {
    let at_once = "The most slots that were taken at once in the last minute.";
    page.single("healthy", "gauge", "Whether its loops go round.", u8::from(healthy));
    page.single("draining", "gauge", "Whether it receives no more.", u8::from(report.draining));
    let storm = u8::from(report.storm.is_some());
    page.single("storm", "gauge", "Whether the world keeps it from working.", storm);
    page.single("slots", "gauge", "Pictures that it can work on at once.", report.slots);
    page.single("slots_busy", "gauge", "Slots that are taken.", report.busy);
    page.single("slots_busy_peak", "gauge", at_once, report.busy_peak);
    page.single("leases", "gauge", "Messages that it holds.", report.leases);
    let (started, progressed) = (seconds(report.started_at), seconds(report.progressed_at));
    page.single("start_time_seconds", "gauge", "When it started, since 1970.", started);
    let help = "When a job last came a step further, or there was nothing to do, since 1970.";
    page.single("progress_time_seconds", "gauge", help, progressed);
    if let Some(waited) = report.waited_seconds {
        let help = "How long the last message that came for the first time had waited.";
        page.single("last_wait_seconds", "gauge", help, waited);
    }
}

/// A metric of each kind of work: its name, what it is, and where it is found.
type OfPace = (&'static str, &'static str, fn(&Pace) -> f64);

/// How fast each kind of work is.
fn paces(page: &mut MetricsPage, report: &Report) {
    let kinds: [OfPace; 3] = [
        ("work_jobs_total", "Jobs that kept a slot, by their operations.", |pace| count(pace.jobs)),
        ("work_source_pixels_total", "Pixels of their sources.", |pace| {
            (pace.megapixels * 1e6).round()
        }),
        ("work_seconds_total", "How long they kept a slot.", |pace| pace.seconds),
    ];
    for (name, help, value) in kinds {
        page.head(name, "counter", help);
        for (operations, pace) in &report.paces {
            page.sample(name, &format!("{{operations=\"{operations}\"}}"), value(pace));
        }
    }
}

fn seconds(time: Timestamp) -> f64 {
    time.since(Timestamp::from_millis(0)).as_secs_f64()
}

#[expect(clippy::cast_precision_loss, reason = "no worker does so many jobs")]
fn count(jobs: u64) -> f64 {
    jobs as f64
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use pixmill_contract::document::{JobSeconds, Version};
    use pixmill_contract::{InstanceId, WorkerId};

    use super::*;

    fn report() -> Report {
        let pace = Pace { jobs: 3, megapixels: 1.5, seconds: 0.75 };
        Report {
            pixmill: Version,
            instance: Some(InstanceId::new("i-1").unwrap()),
            worker: WorkerId::new("w").unwrap(),
            pid: 7,
            started_at: Timestamp::from_millis(1500),
            at: Timestamp::from_millis(2500),
            slots: 2,
            busy: 1,
            busy_peak: 2,
            leases: 3,
            jobs: vec![],
            draining: true,
            progressed_at: Timestamp::from_millis(2000),
            storm: None,
            received: 9,
            waited_seconds: Some(0.25),
            ended: 5,
            job_seconds: JobSeconds { count: 5, sum: 0.75, sum_of_squares: 0.2 },
            paces: BTreeMap::from([("blur+resize".to_owned(), pace)]),
        }
    }

    #[test]
    fn a_report_is_told_in_base_units() {
        let text = text(&report(), true);
        for line in [
            "pixmill_worker_info{instance_id=\"i-1\",worker=\"w\"} 1",
            "pixmill_healthy 1",
            "pixmill_draining 1",
            "pixmill_storm 0",
            "pixmill_start_time_seconds 1.5",
            "pixmill_messages_received_total 9",
            "# TYPE pixmill_job_seconds summary",
            "pixmill_job_seconds_sum 0.75",
            "pixmill_job_seconds_count 5",
            "pixmill_work_jobs_total{operations=\"blur+resize\"} 3",
            "pixmill_work_source_pixels_total{operations=\"blur+resize\"} 1500000",
            "pixmill_work_seconds_total{operations=\"blur+resize\"} 0.75",
        ] {
            assert!(text.lines().any(|have| have == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn every_sample_follows_its_help_and_type_and_counters_say_so() {
        let text = text(&report(), false);
        let (mut known, mut name, mut kind) = (BTreeSet::new(), "", "");
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                name = rest.split_once(' ').unwrap().0;
                assert!(known.insert(name), "{name} comes twice");
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (typed, of) = rest.split_once(' ').unwrap();
                assert_eq!(typed, name);
                assert_eq!(of == "counter", name.ends_with("_total"), "{line}");
                kind = of;
            } else {
                let (sample, value) = line.rsplit_once(' ').unwrap();
                let sample = sample.split('{').next().unwrap();
                let of_summary = sample.trim_end_matches("_sum").trim_end_matches("_count");
                assert_eq!(if kind == "summary" { of_summary } else { sample }, name);
                assert!(value.parse::<f64>().is_ok(), "{line}");
            }
        }
        assert!(text.ends_with('\n') && known.len() > 12);
    }
}
