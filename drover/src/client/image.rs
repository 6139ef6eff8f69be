//! `drover image`

use super::Session;
use super::server::all;
use crate::out::pairs;
use clap::{Args, Subcommand};
use model::ImageId;
use model::image::{DirectBoot, Firmware, Format, Image as Record, ImageSpec};

#[derive(Debug, Subcommand)]
pub enum Image {
    /// Make an image known to the fleet
    Create(Box<Create>),
    List,
    Show {
        id: ImageId,
    },
    /// Remove it, once no VM is made from it
    Delete {
        id: ImageId,
    },
}

#[derive(Args, Debug)]
pub struct Create {
    name: String,
    /// http(s) URL, or absolute path on the hosts
    #[arg(long)]
    source: String,
    /// Of the file, 64 hexadecimal digits
    #[arg(long)]
    sha256: String,
    /// As libosinfo names it
    #[arg(long, default_value = "linux2022")]
    os: String,
    /// The smallest primary disk it fits on
    #[arg(long)]
    min_gb: u64,
    /// A .vhdx, for Hyper-V; the source is then a path on the host, or of a share that it may read
    #[arg(long)]
    vhdx: bool,
    /// It boots by UEFI
    #[arg(long)]
    uefi: bool,
    /// It has no cloud-init: VMs get no seed
    #[arg(long)]
    no_cloud_init: bool,
    /// Boot this kernel of the host directly
    #[arg(long, requires = "initrd", value_name = "PATH")]
    kernel: Option<String>,
    #[arg(long, requires = "kernel", value_name = "PATH")]
    initrd: Option<String>,
    #[arg(long, requires = "kernel", default_value = "")]
    cmdline: String,
}

const COLLECTION: &str = "images";

fn text(image: &Record) -> String {
    let spec = &image.spec;
    pairs(&[
        ("id", image.id.to_string()),
        ("name", spec.name.clone()),
        ("os", spec.os.clone()),
        ("format", spec.format.word().to_owned()),
        ("source", spec.source.clone()),
        ("sha256", spec.sha256.clone()),
        ("min_gb", spec.min_gb.to_string()),
        ("firmware", if spec.firmware == Firmware::Uefi { "uefi" } else { "bios" }.to_owned()),
        ("cloud_init", spec.cloud_init.to_string()),
    ])
}

pub async fn run(session: &Session, command: Image) -> anyhow::Result<()> {
    let client = &session.client;
    match command {
        Image::Create(create) => {
            let cmdline = create.cmdline;
            let boot = create.kernel.zip(create.initrd);
            let direct_boot = boot.map(|(kernel, initrd)| DirectBoot { kernel, initrd, cmdline });
            let spec = ImageSpec {
                name: create.name,
                source: create.source,
                sha256: create.sha256,
                os: create.os,
                min_gb: create.min_gb,
                firmware: if create.uefi { Firmware::Uefi } else { Firmware::Bios },
                cloud_init: !create.no_cloud_init,
                direct_boot,
                format: if create.vhdx { Format::Vhdx } else { Format::Qcow2 },
            };
            session.out.document(&client.record_create::<_, Record>(COLLECTION, &spec).await?, text)
        }
        Image::List => {
            let items: Vec<Record> = all(client, COLLECTION).await?;
            session.out.list(&items, &["id", "name", "os", "min gb"], |image| {
                vec![
                    image.id.to_string(),
                    image.spec.name.clone(),
                    image.spec.os.clone(),
                    image.spec.min_gb.to_string(),
                ]
            })
        }
        Image::Show { id } => session.out.document(&client.record_read(COLLECTION, id.0).await?, text),
        Image::Delete { id } => Ok(client.record_delete(COLLECTION, id.0).await?),
    }
}
