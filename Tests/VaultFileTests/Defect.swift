import Platform

@testable import VaultFile

/// Defects that an engine could have, as changes to the calls that it makes.
enum Defect: CaseIterable, Sendable {
    /// Content is never synced.
    case skipsSync
    /// A name is never synced.
    case skipsDirectorySync
    /// The writes of a previous process are not synced before the next write.
    case trustsPredecessor
    /// A new file gets its name before its content is synced.
    case renamesBeforeSync
    /// A new file gets its name before it is complete.
    case renamesHalfWritten
    /// A rewrite is copied into the old file.
    case rewritesInPlace
    /// The old file is removed before the new one has its name.
    case removesBeforeRename
    /// A tail is truncated together with the end of the last commit.
    case cutsTooFar
    /// A commit overwrites the end of the last one.
    case writesTooEarly
    /// The second half of a commit is written after the sync.
    case writesOnAfterSync
    /// A checkpoint is saved before the commit is durable.
    case marksTooEarly

    private typealias Event = RecordingDisk.Event

    /// Returns the events of an engine with the defect, for each step of a correct one.
    func steps(
        of events: [RecordingDisk.Event], secondProcessFrom start: Int
    ) -> [[RecordingDisk.Event]] {
        var steps = events.map { [$0] }
        var written: Set<UInt64> = []
        for (index, event) in events.enumerated() {
            if index == start { written = [] }
            switch event {
            case .write(let inode, _, _): written.insert(inode)
            case .truncate(let inode, _): written.insert(inode)
            default: break
            }
            spoil(&steps, index, event, isSecond: index >= start, written)
        }
        return steps
    }

    private func spoil(
        _ steps: inout [[RecordingDisk.Event]], _ index: Int, _ event: RecordingDisk.Event, isSecond: Bool,
        _ written: Set<UInt64>
    ) {
        switch (self, event) {
        case (.skipsSync, .sync), (.skipsDirectorySync, .syncDirectory): steps[index] = []
        case (.trustsPredecessor, .sync(let inode)) where isSecond && !written.contains(inode):
            steps[index] = []
        case (.cutsTooFar, .truncate(let inode, let length)):
            steps[index] = [.truncate(inode, length: length - 16)]
        case (.writesTooEarly, .write(let inode, let offset, let bytes)) where offset > 4608:
            steps[index] = [.write(inode, offset: offset - 16, bytes)]
        case (.writesOnAfterSync, .write(let inode, let offset, let bytes)) where bytes.count > 96:
            let half = bytes.count / 2
            steps[index] = [.write(inode, offset: offset, Array(bytes[..<half]))]
            postpone(.write(inode, offset: offset + half, Array(bytes[half...])), &steps, behind: index + 1)
        case (.marksTooEarly, .write(let inode, _, let bytes)) where bytes.count == 1024 && index >= 2:
            guard case .some(.write) = steps[index - 2].first, steps[index - 1].count == 1 else { return }
            steps[index] = steps[index - 1]
            steps[index - 1] = steps[index - 2]
            steps[index - 2] = [event, .sync(inode)]
        case (_, .names(let entries, let directory)) where entries.count == 2 && index > 0:
            rename(&steps, index, entries, directory)
        default: break
        }
    }

    /// Moves an event behind a later step, if there is one.
    private func postpone(
        _ event: RecordingDisk.Event, _ steps: inout [[RecordingDisk.Event]], behind index: Int
    ) {
        if index < steps.count { steps[index].append(event) }
    }

    /// Changes a rename; before it come the sync of the new file and a write.
    private func rename(
        _ steps: inout [[RecordingDisk.Event]], _ index: Int, _ entries: [RecordingDisk.Entry],
        _ directory: String
    ) {
        guard case .some(.sync(let inode)) = steps[index - 1].first else { return }
        switch self {
        case .renamesBeforeSync: steps.swapAt(index - 1, index)
        case .renamesHalfWritten:
            guard index >= 2, case .some(.write(inode, let offset, let bytes)) = steps[index - 2].first
            else { return }
            let half = bytes.count / 2
            steps[index - 2] = [.write(inode, offset: offset, Array(bytes[..<half]))]
            postpone(
                .write(inode, offset: offset + half, Array(bytes[half...])), &steps, behind: index + 1)
        case .removesBeforeRename:
            steps[index - 1] += [
                .names([RecordingDisk.Entry(path: entries[0].path, inode: nil)], directory: directory),
                .syncDirectory(directory),
            ]
        case .rewritesInPlace:
            guard index >= 2, case .some(.write(_, _, let bytes)) = steps[index - 2].first,
                let old = entries[0].replaced
            else { return }
            steps[index] = [.truncate(old, length: 0), .write(old, offset: 0, bytes)]
            postpone(.sync(old), &steps, behind: index + 1)
        default: break
        }
    }
}
