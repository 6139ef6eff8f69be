//! The host suite on the fakes, on this machine, and over a real sshd.

use hosts::local::Local;
use hosts::phantom::Phantom;
use hosts::ssh::{Ssh, SshOptions};
use hosts::{Host, HostError, Invocation};
use testkit::fakes::suite::{Ground, commands, fences, files, guard};
use testkit::real;

/// A test of the same name for each promise.
macro_rules! promises {
    ($ground:expr, $suite:ident: $($promise:ident)*) => {
        $(#[tokio::test]
        async fn $promise() {
            super::$suite::$promise(&$ground).await;
        })*
    };
}

macro_rules! fences {
    ($ground:expr) => {
        promises!($ground, fences:
            a_smaller_fence_is_refused_and_nothing_happens
            the_same_fence_and_a_higher_one_are_admitted
            each_of_several_locks_counts
            what_is_under_no_lock_is_not_checked
            those_who_share_a_lock_are_let_in_by_the_rule
            odd_names_of_locks_do_not_collide
            old_fences_are_pruned_and_young_ones_are_not
        );
    };
}

macro_rules! whole_suite {
    ($ground:expr) => {
        promises!($ground, commands:
            an_answer_comes_with_its_status_and_both_streams
            a_status_that_is_no_answer_is_a_failure
            a_program_that_is_missing_is_named
            arguments_cross_as_they_are
            answers_are_in_no_operators_language
            much_goes_in_and_out_at_once
            a_program_need_not_read_what_it_is_given
            a_program_without_stdin_sees_its_end
            an_answer_without_end_makes_no_sense
            a_deadline_stops_a_command_and_its_children
            a_dropped_command_is_stopped_with_its_children
            what_a_command_leaves_behind_ends_with_it
            commands_run_side_by_side
        );
        promises!($ground, files:
            what_is_put_is_got
            what_is_removed_is_absent_and_may_be_absent_before
            odd_names_are_only_names
            many_at_once_leave_one_whole_file
            an_empty_folder_is_removed_and_a_full_one_is_not
            a_folder_is_no_file
            the_mode_is_as_asked_and_nothing_else_is_left
        );
        fences!($ground);
        promises!($ground, guard:
            a_command_that_is_late_is_not_run
            the_script_and_the_rule_agree
            a_guarded_command_is_as_it_was
            what_cannot_be_read_admits_nobody
            commands_of_one_lock_do_not_overlap
            commands_that_share_a_lock_run_side_by_side
            a_command_that_is_stopped_keeps_the_next_one_out_until_it_is_gone
            a_command_that_is_dropped_keeps_nothing
            a_daemon_that_a_command_leaves_keeps_nothing
        );
    };
}

mod local {
    use super::*;
    whole_suite!(Ground::of(Local::new("local")));
}

mod real_ssh {
    use super::*;
    whole_suite!(Ground::of(ssh(real::sshd().options())));
}

mod phantom {
    use super::*;
    promises!(Ground::of(Phantom::new("phantom")), files:
        what_is_put_is_got
        what_is_removed_is_absent_and_may_be_absent_before
        odd_names_are_only_names
        many_at_once_leave_one_whole_file
    );
    fences!(Ground::of(Phantom::new("phantom")));
}

mod kvm {
    use super::*;
    promises!(Ground::of(testkit::fakes::kvm::Kvm::new("kvm")), files:
        what_is_put_is_got
        what_is_removed_is_absent_and_may_be_absent_before
        odd_names_are_only_names
        many_at_once_leave_one_whole_file
        an_empty_folder_is_removed_and_a_full_one_is_not
        a_folder_is_no_file
    );
    fences!(Ground::of(testkit::fakes::kvm::Kvm::new("kvm")));
}

fn ssh(options: SshOptions) -> Ssh {
    Ssh::new("far", real::sshd().address.parse().expect("an address"), options)
}

async fn refused(host: &dyn Host) -> String {
    match host.run(&Invocation::looks(["true"])).await {
        Err(HostError::Unreachable { host, reason }) => {
            assert_eq!(host, "far");
            reason
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn real_ssh_refuses_a_host_that_it_does_not_know() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let known = folder.path().join("known hosts, 100 %");
    std::fs::write(&known, "").expect("nobody is known");
    let reason = refused(&ssh(SshOptions { known_hosts: Some(known.clone()), ..real::sshd().options() })).await;
    assert!(reason.contains("Host key verification failed"), "{reason}");
    assert_eq!(std::fs::read(&known).expect("it is still there"), b"", "the host was made known");
}

#[tokio::test]
async fn real_ssh_refuses_a_host_with_another_key() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let known = folder.path().join("known");
    let other = folder.path().join("other");
    real::run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", &other.display().to_string()]);
    let key = std::fs::read_to_string(other.with_extension("pub")).expect("a key");
    let port = real::sshd().address.rsplit(':').next().expect("a port").to_owned();
    std::fs::write(&known, format!("[127.0.0.1]:{port} {key}")).expect("another is known");
    let reason = refused(&ssh(SshOptions { known_hosts: Some(known), ..real::sshd().options() })).await;
    assert!(reason.contains("Host key verification failed"), "{reason}");
}

#[tokio::test]
async fn real_ssh_says_why_it_may_not_enter() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let identity = folder.path().join("own");
    real::run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", &identity.display().to_string()]);
    let reason = refused(&ssh(SshOptions { identity: Some(identity), ..real::sshd().options() })).await;
    assert!(reason.contains("Permission denied"), "{reason}");
}

#[tokio::test]
async fn real_ssh_says_that_nobody_answers() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let nobody = Ssh::new("far", format!("root@127.0.0.1:{port}").parse().expect("an address"), SshOptions::default());
    let reason = refused(&nobody).await;
    assert!(reason.contains("Connection refused"), "{reason}");
}

#[tokio::test]
async fn real_ssh_gives_the_reason_of_a_connection_that_ends_in_the_middle() {
    let host = ssh(real::sshd().options());
    // The far side's sshd of this connection, as a reboot would take it.
    let script = "pid=$$; while [ \"$(cat /proc/$pid/comm)\" != sshd ]; do pid=$(cut -d' ' -f4 /proc/$pid/stat); done; kill -KILL $pid; sleep 60";
    let lost = host.run(&Invocation::acts(["sh", "-c", script])).await.unwrap_err();
    let HostError::Unreachable { reason, .. } = &lost else { panic!("{lost:?}") };
    assert!(!reason.is_empty());
    host.run(&Invocation::looks(["true"])).await.expect("the next one connects anew");
}

#[tokio::test]
async fn an_address_that_cannot_be_read_is_said_at_each_use() {
    let host = hosts::open("far", "root@a b", &SshOptions::default());
    assert!(refused(host.as_ref()).await.contains("user@host[:port]"));
    assert_eq!(hosts::open("here", "local", &SshOptions::default()).name(), "here");
}
