//! Every request that drover ever makes, one a line: read by people, and by the contract's test.

use super::{adapter, checkpoint, disk, dvd, export, file, held, host, job, syntax, vhd, vm};
use hosts::Command;
use model::backup::Consistency;

const VM: &str = "6d2c1a52-2f9c-4f0a-9e0b-0d7a3d1f0007";
const FOLDER: &str = r"D:\drover\vms\7";
const DISK: &str = r"D:\drover\vms\7\data.vhdx";
const EXPORT: &str = r"D:\drover\backups\7\31.part";
const DISC: &str = r"D:\drover\vms\7\settings.iso";

fn line<T>(command: Command<T>) -> String {
    String::from_utf8(command.invocation.stdin).expect("a request is text")
}

fn requests() -> Vec<String> {
    let adapter = r"Microsoft:6D2C1A52-2F9C-4F0A-9E0B-0D7A3D1F0007\2B1E";
    let checkpoint = "0a6f3c1e-7a51-4a3b-8f5e-5d6f3c1e0009";
    let new = vm::New { name: "drover-7", folder: FOLDER, ram_mb: 2048, disk: DISK };
    vec![
        line(adapter::add(VM, "nic-525400007000", "52:54:00:00:70:00")),
        line(adapter::connect(VM, adapter, "trunk")),
        line(adapter::disconnect(VM, adapter)),
        line(adapter::guard(VM, adapter)),
        line(adapter::list(VM)),
        line(adapter::remove(VM, adapter)),
        line(adapter::set_vlan(VM, adapter, 112)),
        line(adapter::vlan(VM, adapter)),
        line(checkpoint::adapters(VM, checkpoint)),
        line(checkpoint::disks(VM, checkpoint)),
        line(checkpoint::hardware(VM, checkpoint)),
        line(checkpoint::list(VM)),
        line(checkpoint::remove(VM, checkpoint)),
        line(checkpoint::remove_tree(VM, checkpoint)),
        line(checkpoint::restore(VM, checkpoint)),
        line(checkpoint::take(VM, "drover-9")),
        line(checkpoint::vlan(VM, checkpoint, adapter)),
        line(disk::add(VM, DISK, 1)),
        line(disk::list(VM)),
        line(disk::remove(VM, DISK)),
        line(dvd::add(VM, DISC, 63)),
        line(dvd::eject(VM, DISC)),
        line(dvd::list(VM)),
        line(dvd::remove(VM, 63)),
        line(export::begin(VM, EXPORT, Consistency::Crash)),
        line(export::begin(VM, EXPORT, Consistency::Data)),
        line(export::begin(VM, EXPORT, Consistency::Off)),
        line(file::changed_at(EXPORT)),
        line(file::content(r"D:\drover\backups\7\31\manifest.json")),
        line(file::copy(r"\\files\images\win2k22.vhdx", r"D:\drover\images\5-abababababababab.part.vhdx")),
        line(file::find(DISK)),
        line(file::flush(EXPORT)),
        line(file::list(FOLDER)),
        line(file::make_folder(FOLDER)),
        line(file::remove_tree(FOLDER)),
        line(file::rename(r"D:\drover\vms\7\data.part.vhdx", DISK)),
        line(file::room(FOLDER)),
        line(file::sha256(r"D:\drover\images\5-abababababababab.part.vhdx")),
        line(file::tree(EXPORT)),
        line(held::checkpoint_disks()),
        line(held::discs()),
        line(held::disks()),
        line(host::info()),
        line(host::switch("trunk")),
        line(job::forget(3)),
        line(job::percent(3)),
        line(job::receive(3)),
        line(job::state(3)),
        line(job::stop(3)),
        line(syntax::of("Get-VM")),
        line(vhd::dismount(DISK)),
        line(vhd::flatten(r"D:\drover\backups\7\31\drover-7\Virtual Hard Disks\data.vhdx", DISK)),
        line(vhd::info(DISK)),
        line(vhd::make(r"D:\drover\vms\7\data.part.vhdx", 20)),
        line(vhd::make_on(r"D:\drover\vms\7\root.part.vhdx", r"D:\drover\images\5-abababababababab.vhdx")),
        line(vhd::reset_identifier(r"D:\drover\vms\7\root.part.vhdx")),
        line(vhd::resize(DISK, 40)),
        line(vm::firmware(VM)),
        line(vm::forget_memory(VM)),
        line(vm::list()),
        line(vm::make(&new)),
        line(vm::mark(VM, "drover/default/7", FOLDER)),
        line(vm::named("drover-7")),
        line(vm::pulse(VM)),
        line(vm::remove(VM)),
        line(vm::resume(VM)),
        line(vm::set_checkpoint_type(VM, "ProductionOnly")),
        line(vm::set_memory(VM, 4096)),
        line(vm::set_owner(VM, "drover/default/7/aside/StartIfRunning", "Nothing")),
        line(vm::set_processors(VM, 4)),
        line(vm::set_secure_boot(VM, "MicrosoftUEFICertificateAuthority")),
        line(vm::set_start_action(VM, "Nothing")),
        line(vm::shut_down(VM)),
        line(vm::start(VM)),
        line(vm::turn_off(VM)),
    ]
}

/// `UPDATE_EXPECT=1 cargo test -p commands` writes it anew.
#[test]
fn the_requests_are_as_the_golden_file_says() {
    let found = requests().join("\n") + "\n";
    expect_test::expect_file!["../../golden/hyperv-requests.jsonl"].assert_eq(&found);
}
