"""How the Slurm cluster of the tests is configured."""

from __future__ import annotations

import getpass
import os
import secrets
from pathlib import Path

__all__ = ["CONTROL_GROUPS", "NODES", "Ports", "can_limit_memory", "write_files"]

NODES = 4
"""Three for jobs of all kinds, and one on which jobs of the partition ``urgent`` displace those of ``spare``."""

SLURM_CONF = """\
ClusterName=ci
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={ctld}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=5
CredType=cred/munge
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmctldPidFile={folder}/pid/slurmctld
SlurmdPidFile={folder}/pid/slurmd.%n
SlurmctldLogFile={folder}/log/slurmctld
SlurmdLogFile={folder}/log/slurmd.%n
SlurmctldDebug=info
SlurmdDebug=error
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
MailProg=/bin/true
ProctrackType=proctrack/linuxproc
TaskPlugin={task_plugin}
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={dbd}
AccountingStoragePass={folder}/munge/socket
GresTypes=gpu
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,bf_interval=1,sched_interval=1,sched_min_interval=0
ReturnToService=2
EnforcePartLimits=ALL
SlurmctldTimeout=10
SlurmdTimeout=10
MessageTimeout=10
KillWait=2
MinJobAge=300
MaxArraySize=100001
MaxJobCount=100000
SlurmdParameters=config_overrides
DefMemPerCPU=1000
FirstJobId={first_job}
PreemptType=preempt/partition_prio
PreemptMode=CANCEL
NodeName=n[1-{nodes}] NodeHostname=localhost NodeAddr=127.0.0.1 Port=[{nodes_ports}] CPUs={cpus} RealMemory=200000 \
Gres=gpu:2 State=UNKNOWN
PartitionName=DEFAULT MaxTime=INFINITE State=UP PreemptMode=OFF PriorityTier=5
PartitionName=debug Nodes=n[1-3] Default=YES
PartitionName=small Nodes=n1,n3 DefMemPerCPU=100
PartitionName=spare Nodes=n4 PriorityTier=1 PreemptMode=CANCEL
PartitionName=urgent Nodes=n4 PriorityTier=9
"""

# Control groups of version 1 only: with those of version 2, Slurm needs systemd.
CONTROL_GROUPS = Path("/sys/fs/cgroup")
CGROUP_CONF = f"CgroupPlugin=cgroup/v1\nCgroupMountpoint={CONTROL_GROUPS}\nConstrainRAMSpace=yes\n"

GRES_CONF = "Name=gpu Count=2 File=/dev/null,/dev/zero\n"

SLURMDBD_CONF = """\
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort={dbd}
SlurmUser={user}
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={sql}
StorageUser=slurm
StoragePass={password}
StorageLoc=slurm_acct
LogFile={folder}/log/slurmdbd
PidFile={folder}/pid/slurmdbd
CommunicationParameters=NoInAddrAny
"""


class Ports:
    """Where the daemons listen."""

    def __init__(self, ctld: int, dbd: int, sql: int, *nodes: int) -> None:
        self.ctld, self.dbd, self.sql, self.nodes = ctld, dbd, sql, nodes


def can_limit_memory() -> bool:
    """Return whether the cluster stops jobs that use more memory than they have, for which it needs control groups."""
    return os.access(CONTROL_GROUPS / "memory" / "memory.limit_in_bytes", os.W_OK)


def write_files(folder: Path, ports: Ports, password: str, cpus: int) -> None:
    """Write the files of a cluster whose nodes say that they have so many CPUs."""
    names = {"folder": folder, "user": getpass.getuser(), "password": password}
    where = {"ctld": ports.ctld, "dbd": ports.dbd, "sql": ports.sql, "nodes_ports": ",".join(map(str, ports.nodes))}
    # Control groups are the machine's, and called like the jobs, so those of two clusters have to differ.
    first_job = 1 + secrets.randbelow(10_000_000)
    task_plugin = "task/cgroup" if can_limit_memory() else "task/none"
    shape = {"nodes": NODES, "cpus": cpus, "first_job": first_job, "task_plugin": task_plugin}
    (folder / "slurm.conf").write_text(SLURM_CONF.format(**names, **where, **shape))
    (folder / "gres.conf").write_text(GRES_CONF)
    (folder / "cgroup.conf").write_text(CGROUP_CONF)
    (folder / "slurmdbd.conf").touch(0o600)
    (folder / "slurmdbd.conf").write_text(SLURMDBD_CONF.format(**names, **where))
