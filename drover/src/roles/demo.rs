//! The demo: a router and three VMs through their life, on the phantom host, over the same API that everyone uses.

use crate::client::{last_step, server};
use crate::out::{Out, dash, table};
use crate::waterfall;
use anyhow::{Context, bail};
use iaas::Client;
use iaas::tenant::{Create, TaskFilter};
use indicatif::{ProgressBar, ProgressStyle};
use model::image::{Image, ImageSpec};
use model::project::{Project, ProjectSpec};
use model::resource::{Resource, Spec};
use model::server::Server;
use model::virtual_router::{Segment, VirtualRouterSpec};
use model::vm::{Disk, Nic, PhantomScript, VmSpec};
use model::{ResourceId, ServerId, State, TaskId};
use std::time::Duration;
use tokio::time::Instant;

/// How often the table is brought up to date.
const GLANCE: Duration = Duration::from_millis(100);

/// The demo's work takes seconds; something is wrong after this.
const LIMIT: Duration = Duration::from_secs(120);

/// Each step of the demo's phantoms takes this long, so that there is something to see.
const STEP_MS: u64 = 400;

/// One resource of the demo, followed by its newest task.
struct Row {
    what: String,
    id: ResourceId,
    state: State,
    task: Option<TaskId>,
    step: String,
    is_vm: bool,
}

pub async fn run(client: &Client, out: Out) -> anyhow::Result<()> {
    let project = project(client).await?;
    let image = image(client).await?;
    let servers: Vec<Server> = server::all(client, "servers").await?;
    let phantom =
        servers.iter().find(|server| server.spec.name == "phantom-1").context("the phantom host is not there")?.id;
    out.say(&format!("demo: project {}, a router and three VMs on phantom-1", project.spec.name));

    let script = Some(PhantomScript { delay_ms: STEP_MS, ..PhantomScript::default() });
    let segment = Segment { name: "web".into(), id: None, address: "10.1.0.1/24".into(), address_v6: None, dhcp: true };
    let server = Some(phantom);
    let router =
        VirtualRouterSpec { segments: vec![segment], server, phantom: script.clone(), ..VirtualRouterSpec::default() };
    let mut rows = vec![create(client, &project, "router", router).await?];
    for n in 1..=3_u8 {
        rows.push(create(client, &project, &format!("web-{n}"), vm(n, &image, phantom, script.clone())).await?);
    }
    let built = rows[1].task.context("a VM without a task")?;
    until(client, out, &mut rows, |rows| rows.iter().all(|row| row.state == State::Running)).await?;

    let first = rows[1].id;
    for (ask, reached) in
        [(State::Quiesce, State::Quiesced), (State::Restart, State::Running), (State::Scrub, State::Closed)]
    {
        out.say(&format!("asking for {ask} of vm {first}"));
        rows[1].task = Some(client.ask::<VmSpec>(first, ask, false).await?.task_id);
        until(client, out, &mut rows, |rows| rows[1].state == reached).await?;
    }
    let task = client.task(built, Duration::ZERO).await?;
    out.line(&format!("\ntask {built}, {}.{} of vm {first}:\n{}", task.kind, task.verb, waterfall::draw(&task)))
}

async fn project(client: &Client) -> anyhow::Result<Project> {
    let known: Vec<Project> = server::all(client, "projects").await?;
    let taken = known.iter().filter(|project| project.spec.name.starts_with("demo")).count();
    // No grace, so that the scrub is seen to its end.
    let wish = ProjectSpec { name: format!("demo-{}", taken + 1), grace_hours: 0 };
    Ok(client.record_create("projects", &wish).await?)
}

async fn image(client: &Client) -> anyhow::Result<Image> {
    let known: Vec<Image> = server::all(client, "images").await?;
    if let Some(image) = known.into_iter().find(|image| image.spec.name == "demo") {
        return Ok(image);
    }
    let wish = ImageSpec {
        name: "demo".into(),
        source: "/nowhere/demo.img".into(),
        sha256: "0".repeat(64),
        os: "linux2022".into(),
        min_gb: 1,
        firmware: Default::default(),
        cloud_init: true,
        direct_boot: None,
        format: Default::default(),
    };
    Ok(client.record_create("images", &wish).await?)
}

fn vm(n: u8, image: &Image, server: ServerId, phantom: Option<PhantomScript>) -> VmSpec {
    let address = format!("10.1.0.{}/24", n + 1);
    VmSpec {
        cpu: 1,
        ram_mb: 1024,
        disks: vec![Disk { name: "root".into(), gb: 10, primary: true, pool: None }],
        nics: vec![Nic {
            segment: "web".into(),
            segment_id: None,
            mac: None,
            addresses: vec![address],
            gateway: Some([10, 1, 0, 1].into()),
        }],
        dns: Vec::new(),
        ssh_keys: Vec::new(),
        userdata: None,
        admin_password: None,
        image: image.id,
        backup: None,
        server: Some(server),
        labels: Default::default(),
        phantom,
    }
}

async fn create<S: Spec>(client: &Client, project: &Project, name: &str, spec: S) -> anyhow::Result<Row> {
    let key = format!("demo-{}-{name}", project.id);
    let accepted = client.create(&Create { project_id: project.id, name: name.into(), spec }, &key).await?;
    let resource = accepted.resource;
    let is_vm = S::TYPE == model::ResourceType::Vm;
    let what = format!("{} {} {name}", S::TYPE, resource.id);
    Ok(Row { what, id: resource.id, state: resource.state, task: Some(accepted.task_id), step: String::new(), is_vm })
}

/// Shows the table until the condition holds.
async fn until(client: &Client, out: Out, rows: &mut [Row], done: impl Fn(&[Row]) -> bool) -> anyhow::Result<()> {
    let until = Instant::now() + LIMIT;
    let live = out.is_watched().then(|| {
        let bar = ProgressBar::new_spinner();
        bar.set_style(ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar
    });
    loop {
        for row in rows.iter_mut() {
            let before = (row.state, row.step.clone());
            glance(client, row).await?;
            if live.is_none() && before != (row.state, row.step.clone()) {
                out.say(&format!("{:<28} {:<18} {}", row.what, row.state.word(), row.step));
            }
        }
        if let Some(live) = &live {
            live.set_message(drawn(rows));
        }
        if done(rows) {
            if let Some(live) = live {
                live.finish_and_clear();
                out.say(&drawn(rows));
            }
            return Ok(());
        }
        if let Some(row) = rows.iter().find(|row| row.state == State::Unresourced) {
            bail!("{} is unresourced; see: drover task show {}", row.what, dash(row.task));
        }
        if Instant::now() > until {
            bail!("the demo did not come to its end within {} s", LIMIT.as_secs());
        }
        tokio::time::sleep(GLANCE).await;
    }
}

fn drawn(rows: &[Row]) -> String {
    let cells = rows.iter().map(|row| vec![row.what.clone(), row.state.to_string(), dash(row.task), row.step.clone()]);
    table(&["resource", "state", "task", "step"], cells)
}

async fn glance(client: &Client, row: &mut Row) -> anyhow::Result<()> {
    let (state, task) = if row.is_vm {
        seen::<VmSpec>(client, row.id).await?
    } else {
        seen::<VirtualRouterSpec>(client, row.id).await?
    };
    (row.state, row.task) = (state, task);
    let newest =
        client.tasks(&TaskFilter { resource: Some(row.id), limit: Some(20), ..TaskFilter::default() }).await?.items;
    if let Some(task) = newest.iter().max_by_key(|task| task.id) {
        row.step = match &task.waiting_for {
            Some(waiting) => format!("waits for {}", waiting.reason),
            None => last_step(task),
        };
    }
    Ok(())
}

async fn seen<S: Spec>(client: &Client, id: ResourceId) -> anyhow::Result<(State, Option<TaskId>)> {
    let resource: Resource<S> = client.read(id).await?;
    Ok((resource.state, resource.task_id))
}
