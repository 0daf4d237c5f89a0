internal import Platform
internal import VaultKit
internal import UserMessages

/// A private file that leads a browser to the page, and is removed with this value.
///
/// The address holds the one-time token, and the arguments of a browser can be read by everybody.
struct PageLink: ~Copyable {
    private let path: String

    deinit { try? DiskStorage().remove(path) }

    private init(path: String) { self.path = path }

    private func write(_ address: String) throws(Errno) {
        let disk = DiskStorage()
        // One that a killed program left leads nowhere.
        try? disk.remove(path)
        let file = try disk.create(path)
        let text = """
            <!doctype html><meta charset="utf-8"><title>vault</title><meta name="referrer" content="no-referrer">
            <meta http-equiv="refresh" content="0;url=\(address)"><a href="\(address)">vault</a>

            """
        try file.write(Array(text.utf8).span, at: 0)
    }

    /// Has the desktop open the page at `address`, whatever comes of it.
    static func show(_ address: String) -> PageLink? {
        guard let directory = Locations.runtimeDirectory else { return nil }
        let link = PageLink(path: Path.join(directory, "page-\(CurrentProcess.identifier).html"))
        guard (try? link.write(address)) != nil else { return nil }
        ShellCommand.show(link.path)
        return link
    }
}
