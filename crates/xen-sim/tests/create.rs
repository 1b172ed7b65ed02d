//! `createdomain` and its neighbours: what each release accepts.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{Host, RELEASES, pvh_domain, run_as};
use xen_abi::hypercall::domctl::createdomain::{CDF_HAP, CDF_HVM, CDF_IOMMU, CDF_VPMU, CreateDomain, CreateFlags, FLAGS, GRANT_OPTS};
use xen_abi::hypercall::domctl::getdomaininfo::GetDomainInfo;
use xen_abi::hypercall::domctl::lifecycle::{DestroyDomain, PauseDomain, UnpauseDomain};
use xen_abi::hypercall::domctl::max_vcpus::MaxVcpus;
use xen_abi::hypercall::domctl::{BODY_OFFSET, INTERFACE_VERSION};
use xen_abi::record::Member;
use xen_abi::{Call, DomId, Errno, Operation, Release};
use xen_hv::{Hypercalls, SeamError};
use xen_sim::MachineConfig;

/// Issues bytes that no encoder would write.
fn issue(host: &Host, mut call: Call) -> Result<i64, Errno> {
    match host.control.issue(&mut call) {
        Ok(value) => Ok(value),
        Err(SeamError::Refused { errno, .. }) => Err(errno),
        Err(other) => panic!("{other}"),
    }
}

/// A good createdomain with one member of its body overwritten.
fn with(release: &Release, member: &Member, value: u64) -> Call {
    let mut call = pvh_domain(1).encode(release).unwrap();
    member.field(release).unwrap().at(BODY_OFFSET).put(&mut call.buffers[0].bytes, value).unwrap();
    call
}

#[test]
fn every_release_of_the_table_creates() {
    for release in Release::ALL {
        let host = Host::new(release);
        assert_eq!(host.run(pvh_domain(1)), Ok(DomId(1)), "{release}");
        assert_eq!(host.run(pvh_domain(128)), Ok(DomId(2)), "{release}");
        let info = host.run(GetDomainInfo { domid: DomId(2) }).unwrap().unwrap();
        assert_eq!((info.paused, info.hvm, info.hap, info.emulation_flags, info.handle), (true, true, true, 1, [7; 16]), "{release}");
    }
}

#[test]
fn the_wildcard_is_the_releases_own() {
    // asked: 0, an ordinary free one, a taken one, DOMID_INVALID, DOMID_ANY
    for release in Release::ALL {
        let strict = release >= Release::V4_22;
        let taken = Err(Errno::EEXIST);
        let table = [
            (DomId(0), if strict { taken } else { Ok(DomId(1)) }),
            (DomId(77), Ok(DomId(77))),
            (DomId(77), taken),
            (DomId::INVALID, if strict { taken } else { Ok(DomId(2)) }),
            (DomId::ANY, Ok(DomId(if strict { 1 } else { 3 }))),
        ];
        let host = Host::new(release);
        for (asked, expected) in table {
            assert_eq!(host.run(CreateDomain { domid: asked, ..pvh_domain(1) }), expected, "{release}, {asked}");
        }
    }
}

#[test]
fn bad_configurations_are_refused() {
    for release in RELEASES {
        let from = |since: Release, errno| if release >= since { Err(errno) } else { Ok(0) };
        let mut table = vec![
            ("no vcpus", pvh_domain(0).encode(&release).unwrap(), Err(Errno::EINVAL)),
            ("too many vcpus", pvh_domain(129).encode(&release).unwrap(), Err(Errno::EINVAL)),
            ("IOMMU", with(&release, &FLAGS, (CDF_HVM | CDF_HAP | CDF_IOMMU).into()), Err(Errno::EINVAL)),
            ("vpmu", with(&release, &FLAGS, (CDF_HVM | CDF_HAP | CDF_VPMU).into()), Err(Errno::EINVAL)),
            ("unknown flag", with(&release, &FLAGS, 0x203), Err(Errno::EINVAL)),
            ("trap_unmapped", with(&release, &FLAGS, 0x103), Err(Errno::EINVAL)),
            ("HAP without HVM", with(&release, &FLAGS, CDF_HAP.into()), Err(Errno::EINVAL)),
            (
                "no HAP",
                with(&release, &FLAGS, CDF_HVM.into()),
                Err(if release >= Release::V4_22 { Errno::EINVAL } else { Errno::EOPNOTSUPP }),
            ),
        ];
        for (flags, since) in [(0x3ff, None), (0x1ff, Some(Release::V4_19)), (0x3fe, None), (3, None)] {
            let accepted = match (flags, since) {
                (0x3ff, _) => true,
                (_, Some(since)) => release >= since,
                _ => false,
            };
            let expected = if accepted { Ok(0) } else { Err(Errno::EOPNOTSUPP) };
            table.push(("emulation flags", CreateDomain { emulation_flags: flags, ..pvh_domain(1) }.encode(&release).unwrap(), expected));
        }
        if GRANT_OPTS.field(&release).is_some() {
            for (options, expected) in
                [(0, Err(Errno::EINVAL)), (1, Ok(0)), (2, Ok(0)), (3, Err(Errno::EINVAL)), (0x11, Err(Errno::EINVAL))]
            {
                table.push(("grant options", with(&release, &GRANT_OPTS, options), expected));
            }
        }
        let altp2m = Member { name: "altp2m", once: None, width: 4, at: xen_abi::record::At::Always(48) };
        if release >= Release::V4_20 {
            table.push(("altp2m mixed", with(&release, &altp2m, 1), from(Release::V4_21, Errno::EINVAL)));
            table.push(("altp2m external with count", with(&release, &altp2m, 0x000a_0001), Err(Errno::EINVAL)));
        }
        for (what, call, expected) in table {
            let host = Host::new(release);
            let before = host.machine.audit();
            assert_eq!(issue(&host, call), expected, "{release}, {what}: {}", host.machine.console());
            assert_eq!(expected.is_err(), host.machine.audit() == before, "{release}, {what}");
        }
    }
}

#[test]
fn the_order_of_checks_is_xens() {
    for release in RELEASES {
        let host = Host::new(release);
        let mut wrong = pvh_domain(0).encode(&release).unwrap();
        INTERFACE_VERSION.put(&release, &mut wrong.buffers[0].bytes, 0x11).unwrap();
        assert_eq!(issue(&host, wrong), Err(Errno::EACCES), "{release}: the number goes before everything");
        let mut short = DestroyDomain { domid: DomId(9) }.encode(&release).unwrap();
        assert_eq!(issue(&host, short.clone()), Err(Errno::ESRCH), "{release}");
        short.buffers[0].bytes.truncate(143);
        assert_eq!(issue(&host, short), Err(Errno::EFAULT), "{release}: the whole structure is copied in");
        let mut unknown = DestroyDomain { domid: DomId(0) }.encode(&release).unwrap();
        for (command, expected) in [(91, Errno::ENOSYS), (70, Errno::ENOSYS), (2, Errno::EINVAL)] {
            unknown.buffers[0].bytes[..4].copy_from_slice(&u32::to_le_bytes(command));
            assert_eq!(issue(&host, unknown.clone()), Err(expected), "{release}, domctl {command}");
        }
        let domid = host.run(pvh_domain(1)).unwrap();
        let guest = host.machine.as_domain(domid).unwrap();
        assert_eq!(run_as(&guest, &release, PauseDomain { domid: DomId(0) }), Err(Errno::EPERM), "{release}");
        let absent = if release >= Release::V4_22 { Errno::EPERM } else { Errno::ESRCH };
        assert_eq!(run_as(&guest, &release, PauseDomain { domid: DomId(9) }), Err(absent), "{release}");
    }
}

#[test]
fn operations_that_came_late_are_unknown_before() {
    for (command, since) in [(86, Release::V4_17), (90, Release::V4_21)] {
        for release in Release::ALL {
            let host = Host::new(release);
            let domid = host.run(pvh_domain(1)).unwrap();
            let mut call = PauseDomain { domid }.encode(&release).unwrap();
            call.buffers[0].bytes[..4].copy_from_slice(&u32::to_le_bytes(command));
            if command == 90 && release >= since {
                INTERFACE_VERSION.put(&release, &mut call.buffers[0].bytes, 0).unwrap();
            }
            let expected = if release >= since { Ok(0) } else { Err(Errno::ENOSYS) };
            // A pool of nothing is refused with ENOMEM only where tables are in use; a fresh domain has none.
            assert_eq!(issue(&host, call), expected, "{release}, domctl {command}");
        }
    }
}

#[test]
fn vcpus_are_those_of_createdomain_and_pauses_count() {
    for release in RELEASES {
        let host = Host::new(release);
        let domid = host.run(pvh_domain(3)).unwrap();
        for (max, expected) in [(2, Err(Errno::EINVAL)), (3, Ok(())), (3, Ok(()))] {
            assert_eq!(host.run(MaxVcpus { domid, max }), expected, "{release}, {max}");
        }
        let info = |host: &Host| host.run(GetDomainInfo { domid }).unwrap().unwrap();
        assert_eq!((info(&host).max_vcpu_id, info(&host).nr_online_vcpus), (Some(2), 0), "{release}");
        assert_eq!(host.run(UnpauseDomain { domid }), Ok(()), "{release}");
        assert!(!info(&host).paused, "{release}");
        assert_eq!(host.run(UnpauseDomain { domid }), Err(Errno::EINVAL), "{release}");
        assert_eq!(host.run(PauseDomain { domid }), Ok(()), "{release}");
        assert!(info(&host).paused, "{release}");
    }
}

#[test]
fn a_host_without_hap_has_no_pvh() {
    let config = MachineConfig { hap: false, ..MachineConfig::default() };
    let host = Host::with(Release::V4_20, config);
    assert_eq!(host.run(pvh_domain(1)), Err(Errno::EINVAL));
    assert_eq!(host.run(CreateDomain { flags: CreateFlags(CDF_HVM), ..pvh_domain(1) }), Err(Errno::EOPNOTSUPP));
}
