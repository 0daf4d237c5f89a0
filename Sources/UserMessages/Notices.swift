internal import Platform
internal import VaultFile
package import VaultCore

extension Notice {
    /// The notice that no checkpoint can be saved for the vault at `path`; nil if one can.
    package static func ofMemory(of path: String) -> Notice? {
        guard let store = Locations.checkpoints else { return .nowhereToRemember }
        do throws(Errno) {
            try store.probe(Locations.realPath(of: path))
            return nil
        } catch {
            return .nothingRemembered(error)
        }
    }

    /// Prints it as a warning.
    package func show() {
        switch self {
        case .unfinishedTail(let count):
            Output.warn(
                "\(count) bytes after the last complete change are not part of any change: a write was cut short, or the file is damaged"
            )
            Output.hint("see 'vault check'")
        case .savedTail(let count, let path):
            Output.warn("\(count) bytes of an unfinished write were moved to \(path)")
        case .nothingRemembered(let error):
            let directory = Locations.checkpointDirectory ?? ""
            Output.warn(
                "cannot save or read the checkpoint; a rollback would go undetected: \(directory): \(error)")
        case .nowhereToRemember:
            Output.warn("there is no directory for checkpoints; a rollback would go undetected")
            Output.hint("set HOME or XDG_STATE_HOME")
        case .checkpointTorn:
            Output.warn("the checkpoint was incomplete; a rollback before now would have gone undetected")
        case .compactionUndone:
            Output.warn(
                "the file is from before a compaction or a purge; nothing is missing")
        case .newerElsewhere(let path, let time):
            let date = time == 0 ? "" : " on \(UTCTimestamp.format(time))"
            Output.warn(
                "this machine saw newer changes of this vault\(date) at \(path); this copy lacks them")
        }
    }
}
