//! Libvirt's backup job: every disk of one moment, into a file each.
//!
//! A job that an earlier attempt began and that still runs is waited for; what is there without one is begun anew, because
//! nothing says that it is whole.

use crate::job;
use crate::plan::Plan;
use commands::files;
use commands::virsh::backup::{self, Job};
use errors::Fault;
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::names;
use std::sync::Arc;
use std::time::Duration;

/// Between two looks at the job: short at first, as an increment is copied in no time.
const GLANCE: Duration = Duration::from_millis(20);
const LONGEST_GLANCE: Duration = Duration::from_millis(500);

pub struct Copy(pub Arc<Plan>);

impl Copy {
    fn since(&self) -> Option<&str> {
        self.0.parent().and_then(|manifest| manifest.checkpoint.as_deref())
    }

    /// Ends what cannot be carried on, and begins.
    async fn begin(&self, cx: &Context, stale_job: bool) -> Result<(), Fault> {
        let plan = &self.0;
        let (uri, domain, part) = (&cx.settings.libvirt_uri, names::domain(plan.vm), plan.part());
        if stale_job {
            cx.run(backup::abort(uri, &domain)).await?;
        }
        // After a full backup no other one goes on from what was before.
        let stale = if plan.parent().is_none() { plan.checkpoints.as_slice() } else { &[] };
        for name in stale {
            domains::checkpoint::delete(cx, plan.vm, name).await?;
        }
        plan.begin_anew(cx).await?;
        let checkpoint = format!("{part}/checkpoint.xml");
        cx.put(&checkpoint, job::checkpoint(&plan.checkpoint(), &plan.disks).as_bytes(), 0o600).await?;
        let xml = job::backup(&plan.disks, &part, self.since());
        cx.run(backup::begin(uri, &domain, &xml, &checkpoint)).await
    }

    /// As an increment, or as a full one when libvirt does not know what was written.
    async fn begin_somehow(&self, cx: &Context, stale_job: bool) -> Result<(), Fault> {
        match self.begin(cx, stale_job).await {
            Err(fault) if self.since().is_some() && backup::is_broken(&fault.text()) => {
                let said = fault.holes.iter().find(|(name, _)| *name == "stderr").map_or("", |(_, said)| said);
                let said = said.trim_start_matches("error: ");
                self.0.refuse(&format!("what was written since the last one is not known: {said}"));
                self.begin(cx, false).await
            }
            result => result,
        }
    }

    /// Gives why a disk is copied unthrottled.
    async fn throttle(&self, cx: &Context) -> Result<Option<String>, Fault> {
        let (uri, domain) = (&cx.settings.libvirt_uri, names::domain(self.0.vm));
        let most = cx.settings.backup.bandwidth_mb;
        if most == 0 {
            return Ok(None);
        }
        let each = (most / self.0.disks.len() as u32).max(1);
        let (mut ended, mut refused) = (0, Vec::new());
        for disk in &self.0.disks {
            match cx.run(backup::set_speed(uri, &domain, &disk.target, each)).await {
                Ok(()) => {}
                // A small disk may be copied already.
                Err(fault) if backup::has_no_job(&fault.text()) => ended += 1,
                Err(fault) => refused.push((disk, fault)),
            }
        }
        // But not all of them while the job runs.
        let is_in_vain = ended + refused.len() == self.0.disks.len();
        let runs = matches!(cx.run(backup::job(uri, &domain)).await?, Job::Runs(_));
        match refused.pop() {
            Some((_, fault)) if is_in_vain && runs => Err(fault),
            Some((disk, fault)) => Ok(Some(format!("{} is not throttled: {}", disk.name, fault.text()))),
            None => Ok(None),
        }
    }

    async fn wait(&self, cx: &Context, unthrottled: Option<&str>) -> Result<(), Fault> {
        let (uri, domain) = (&cx.settings.libvirt_uri, names::domain(self.0.vm));
        let mut glance = GLANCE;
        while let Job::Runs(progress) = cx.run(backup::job(uri, &domain)).await? {
            let more = unthrottled.map_or_else(String::new, |why| format!("; {why}"));
            cx.note(format!("{} % of {} MiB{more}", progress.percent(), progress.total >> 20));
            cx.pause(glance).await?;
            glance = (glance * 2).min(LONGEST_GLANCE);
        }
        let failed =
            |reason: String| Fault::new(&errors::backup_kvm::JOB_FAILED).hole("domain", &domain).hole("reason", reason);
        match cx.run(backup::ended(uri, &domain)).await? {
            Job::Completed => Ok(()),
            Job::Failed(reason) => Err(failed(reason)),
            Job::None | Job::Runs(_) => Err(failed("it is gone, and libvirt does not know how it ended".into())),
        }
    }
}

impl Step for Copy {
    fn name(&self) -> String {
        "copy disks".into()
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(7 * 24 * 3600)
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(self.0.is_published(cx).await? || self.0.is_copied(cx).await?)) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let plan = &self.0;
            let (uri, domain, part) = (&cx.settings.libvirt_uri, names::domain(plan.vm), plan.part());
            match cx.run(backup::running(uri, &domain)).await? {
                Some(xml) if job::is_same(&xml, &part, self.since()) => {}
                Some(xml) if job::is_ours(&xml, &part) => self.begin_somehow(cx, true).await?,
                Some(xml) if job::is_drovers(&xml, plan.vm) => {
                    return Err(Fault::new(&errors::backup_kvm::JOB_OTHER).hole("domain", domain));
                }
                Some(_) => return Err(Fault::new(&errors::backup_kvm::JOB_FOREIGN).hole("domain", domain)),
                None => self.begin_somehow(cx, false).await?,
            }
            let unthrottled = self.throttle(cx).await?;
            cx.fact("unthrottled", unthrottled.clone());
            if !cx.is_dry_run() {
                self.wait(cx, unthrottled.as_deref()).await?;
            }
            for disk in &plan.disks {
                cx.run(files::rename(&job::target(&part, &disk.name), &plan.copy(&disk.name))).await?;
            }
            Ok(())
        })
    }
}
