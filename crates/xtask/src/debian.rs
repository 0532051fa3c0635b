//! Installs Debian packages, where this is Debian and we may. Starts no service: the tests run private ones.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, bail};
use tokio::process::Command;

/// Debian's own hook for "may a package start its service?"; 101 means no.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Installs `packages`; an error where that is not possible, saying why.
pub(crate) async fn install(packages: &[&str]) -> anyhow::Result<()> {
    if !Path::new("/etc/debian_version").exists() {
        bail!("this is not Debian");
    }
    let privilege = Privilege::find().await?;
    let _policy = NoServices::new(privilege).await?;
    println!("installing {}", packages.join(" "));
    if privilege.apt_get_install(packages).await.is_err() {
        // The package lists are missing or old.
        run(privilege.command("apt-get").args(["-q", "update"])).await?;
        privilege.apt_get_install(packages).await?;
    }
    if Path::new("/run/systemd/system").exists() {
        println!("installed and not started; what came with services will start with the machine unless disabled:");
        println!("  systemctl list-unit-files --state=enabled");
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Privilege {
    Root,
    Sudo,
}

impl Privilege {
    async fn find() -> anyhow::Result<Self> {
        if rustix::process::geteuid().is_root() {
            return Ok(Self::Root);
        }
        // `-n`: never wait for a password that nobody will type.
        let sudo = Command::new("sudo").args(["-n", "true"]).output().await;
        match sudo {
            Ok(output) if output.status.success() => Ok(Self::Sudo),
            Ok(_) | Err(_) => bail!("apt-get needs root or a sudo that asks no password"),
        }
    }

    fn command(self, program: &str) -> Command {
        match self {
            Self::Root => Command::new(program),
            Self::Sudo => {
                let mut command = Command::new("sudo");
                command.args(["-n", "env", "DEBIAN_FRONTEND=noninteractive", program]);
                command
            }
        }
    }

    async fn apt_get_install(self, packages: &[&str]) -> anyhow::Result<()> {
        let mut command = self.command("apt-get");
        command.args(["-q", "install", "-y", "--no-install-recommends"]).args(packages);
        run(command.env("DEBIAN_FRONTEND", "noninteractive")).await
    }
}

/// While this lives, packages start no services. An existing policy is the machine's own and is left alone.
struct NoServices {
    written_by: Option<Privilege>,
}

impl NoServices {
    async fn new(privilege: Privilege) -> anyhow::Result<Self> {
        if Path::new(POLICY).exists() {
            return Ok(Self { written_by: None });
        }
        let mut policy = tempfile::NamedTempFile::new()?;
        policy.write_all(b"#!/bin/sh\nexit 101\n")?;
        let guard = Self { written_by: Some(privilege) };
        run(privilege.command("install").args(["-m", "755"]).arg(policy.path()).arg(POLICY)).await?;
        Ok(guard)
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if let Some(privilege) = self.written_by {
            let removed = privilege.command("rm").args(["-f", POLICY]).as_std_mut().status();
            if !removed.is_ok_and(|status| status.success()) {
                eprintln!("remove {POLICY} by hand: it keeps packages from starting services");
            }
        }
    }
}

async fn run(command: &mut Command) -> anyhow::Result<()> {
    let shown = format!("{:?}", command.as_std());
    let status = command.status().await.with_context(|| format!("cannot run {shown}"))?;
    if !status.success() {
        bail!("{shown}: {status}");
    }
    Ok(())
}
