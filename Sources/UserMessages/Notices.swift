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
        Output.warn(message)
        switch self {
        case .unfinishedTail: Output.hint("see 'vault check'")
        case .nowhereToRemember: Output.hint("set HOME or XDG_STATE_HOME")
        default: break
        }
    }

    /// The fact in words, in lower case and without a full stop.
    package var message: String {
        switch self {
        case .unfinishedTail(let count):
            return
                "\(count) bytes after the last complete change are not part of any change: a write was cut short, or the file is damaged"
        case .savedTail(let count, let path):
            return "\(count) bytes of an unfinished write were moved to \(path)"
        case .nothingRemembered(let error):
            let directory = Locations.checkpointDirectory ?? ""
            return
                "cannot save or read the checkpoint; a rollback would go undetected: \(directory): \(error)"
        case .nowhereToRemember:
            return "there is no directory for checkpoints; a rollback would go undetected"
        case .checkpointTorn:
            return "the checkpoint was incomplete; a rollback before now would have gone undetected"
        case .compactionUndone:
            return "the file is from before a compaction or a purge; nothing is missing"
        case .newerElsewhere(let path, let time):
            let date = time == 0 ? "" : " on \(UTCTimestamp.format(time))"
            return "this machine saw newer changes of this vault\(date) at \(path); this copy lacks them"
        }
    }
}
