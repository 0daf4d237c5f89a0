internal import Platform

/// A git repository, of which only files are read: no program is started.
struct GitRepository {
    private let root: String
    private let directory: String

    /// Finds the repository that contains the file at `path`, a path without symbolic links.
    init?(around path: String) {
        var root = Path.directory(of: path)
        while true {
            let directory = Path.join(root, ".git")
            if (try? DiskStorage().names(in: directory)) != nil {
                (self.root, self.directory) = (root, directory)
                return
            }
            let parent = Path.directory(of: root)
            if parent == root { return nil }
            root = parent
        }
    }

    /// True if the index names the file.
    func tracks(_ path: String) -> Bool {
        let name = Array(path.utf8.dropFirst(root == "/" ? 1 : root.utf8.count + 1))
        let index = content(Path.join(directory, "index"), limit: 64 << 20)
        guard let first = name.first else { return false }
        var rest = index[...]
        while let start = rest.firstIndex(of: first) {
            rest = rest[start...]
            // A name ends with a zero.
            if rest.starts(with: name + [0]) { return true }
            rest.removeFirst()
        }
        return false
    }

    /// True if the repository's or the user's configuration has a merge driver named `vault`.
    var hasMergeDriver: Bool {
        let home = (try? Environment.value("HOME")) ?? nil
        let configurations =
            [Path.join(directory, "config")]
            + (home.map { [$0 + "/.gitconfig", $0 + "/.config/git/config"] } ?? [])
        return configurations.contains { path in
            String(decoding: content(path, limit: 1 << 20), as: UTF8.self).contains("[merge \"vault\"]")
        }
    }

    private func content(_ path: String, limit: Int) -> [UInt8] {
        (try? InputFile(path, onlyRegular: true).readAll(limit: limit)) ?? []
    }
}
