"""What the appliance can't do, in a sentence that says why and what to do. The command line prints it and exits with 1."""


class ApplianceError(Exception):
    pass


class BackupError(ApplianceError):
    """A backup can't be made, found, read or believed."""


class InstallError(ApplianceError):
    """The service can't be installed, upgraded or removed; what had been begun was undone, or the text says what is left."""


class WrongKey(BackupError):
    """No key of this machine is that of the box that made the backup, or opens it: its words are needed."""
