//! virsh: a domain's backup job. One at a time; libvirt itself holds the disks of one job at one moment.

use super::{acts, looks, present};
use hosts::{Command, Output};

/// Begins a job, and a checkpoint of the same moment.
///
/// virsh takes two files, so one comes by stdin and the other by path.
pub fn begin(uri: &str, domain: &str, backup_xml: &str, checkpoint_file: &str) -> Command<()> {
    Command::plain(acts(uri, ["backup-begin", domain, "/dev/stdin", checkpoint_file]).stdin(backup_xml))
}

/// Whether libvirt's words mean that what was written since a checkpoint is not known: it is absent, or QEMU did not end by
/// itself and its bitmaps are broken.
pub fn is_broken(words: &str) -> bool {
    ["checkpoint inconsistent", "Domain checkpoint not found"].iter().any(|known| words.contains(known))
}

/// The job that runs, as XML; none when there is none, or no domain.
pub fn running(uri: &str, domain: &str) -> Command<Option<String>> {
    Command { invocation: looks(uri, ["backup-dumpxml", domain]).answers(&[0, 1]), read: read_running }
}

fn read_running(output: &Output) -> Result<Option<String>, String> {
    let none = String::from_utf8_lossy(&output.stderr).contains("no domain backup job present");
    if output.status == 1 && none {
        return Ok(None);
    }
    Ok(present(output)?.then(|| output.text()))
}

/// How a job goes, in bytes of the disks as the guest sees them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    pub done: u64,
    pub total: u64,
}

impl Progress {
    pub fn percent(&self) -> u64 {
        (self.done * 100).checked_div(self.total).unwrap_or(0)
    }
}

/// The job as libvirt says it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Job {
    #[default]
    None,
    Runs(Progress),
    Completed,
    /// Failed or cancelled, and why.
    Failed(String),
}

/// The job that runs.
pub fn job(uri: &str, domain: &str) -> Command<Job> {
    Command { invocation: looks(uri, ["domjobinfo", domain, "--rawstats"]).answers(&[0, 1]), read: read_job }
}

/// How the last job ended; none when there was none since the guest was started.
pub fn ended(uri: &str, domain: &str) -> Command<Job> {
    let argv = ["domjobinfo", domain, "--completed", "--keep-completed", "--rawstats"];
    Command { invocation: looks(uri, argv).answers(&[0, 1]), read: read_job }
}

fn read_job(output: &Output) -> Result<Job, String> {
    let off = String::from_utf8_lossy(&output.stderr).contains("domain is not running");
    if output.status == 1 && off || !present(output)? {
        return Ok(Job::None);
    }
    let text = output.text();
    let row = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim);
    let number = |name: &str| row(name).and_then(|number| number.parse().ok()).unwrap_or(0);
    // The numbers of virDomainJobType.
    match row("Job type") {
        Some("0") => Ok(Job::None),
        Some("1" | "2") => Ok(Job::Runs(Progress { done: number("disk_processed"), total: number("disk_total") })),
        Some("3") => Ok(Job::Completed),
        Some("4" | "5") => Ok(Job::Failed(row("errmsg").unwrap_or("libvirt does not say why").to_owned())),
        other => Err(format!("the job's type is {other:?}")),
    }
}

/// At most so many MiB a second of one disk; fails when the disk has no job any more.
pub fn set_speed(uri: &str, domain: &str, target: &str, mb: u32) -> Command<()> {
    Command::plain(acts(uri, ["blockjob", domain, target, "--bandwidth", &mb.to_string()]))
}

/// Whether libvirt's words mean that the disk has no job any more.
pub fn has_no_job(words: &str) -> bool {
    words.contains("does not have an active block job")
}

/// Ends the job; libvirt removes its files.
pub fn abort(uri: &str, domain: &str) -> Command<()> {
    Command::plain(acts(uri, ["domjobabort", domain]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: i32, stdout: &[u8], stderr: &str) -> Output {
        Output { status, stdout: stdout.to_vec(), stderr: stderr.into() }
    }

    #[test]
    fn recorded_answers_are_read() {
        let read = |text: &[u8]| read_job(&answer(0, text, ""));
        let runs = Progress { done: 195_035_136, total: 2_147_483_648 };
        assert_eq!(runs.percent(), 9);
        assert_eq!(read(include_bytes!("../../golden/domjobinfo-runs")), Ok(Job::Runs(runs)));
        assert_eq!(read(include_bytes!("../../golden/domjobinfo-completed")), Ok(Job::Completed));
        let cancelled = read(include_bytes!("../../golden/domjobinfo-cancelled"));
        assert_eq!(cancelled, Ok(Job::Failed("Operation canceled".into())));
        assert_eq!(read(b"Job type: 0\n\n"), Ok(Job::None));
        assert_eq!(read_job(&answer(1, b"", "error: failed to get domain 'nope'\n")), Ok(Job::None));
        assert!(read_job(&answer(1, b"", "error: failed to connect to the hypervisor\n")).is_err());
        let none = "error: Domain backup job id not found: no domain backup job present\n";
        assert_eq!(read_running(&answer(1, b"", none)), Ok(None));
        assert!(is_broken("error: checkpoint inconsistent: missing or broken bitmap 'drover-106' for disk 'vda'"));
        assert!(has_no_job("error: invalid argument: disk vda does not have an active block job"));
        assert!(!is_broken("error: invalid argument: store '/b/7/31.part/root.job' for backup of 'vda' exists"));
    }
}
