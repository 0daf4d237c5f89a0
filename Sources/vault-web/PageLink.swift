internal import Platform
internal import VaultCore
internal import UserMessages

/// A private file that redirects a browser to the page; removed when this value is destroyed.
///
/// The address contains the one-time token, so it must not be an argument of the browser, which every user can read.
struct PageLink: ~Copyable {
    private let path: String

    deinit { try? DiskStorage().remove(path) }

    private init(path: String) { self.path = path }

    private func write(_ address: String) throws(Errno) {
        let disk = DiskStorage()
        // A file of this name is from a killed process, whose address no longer works.
        try? disk.remove(path)
        let file = try disk.create(path)
        let text = """
            <!doctype html><meta charset="utf-8"><title>vault</title><meta name="referrer" content="no-referrer">
            <meta http-equiv="refresh" content="0;url=\(address)"><a href="\(address)">vault</a>

            """
        try file.write(Array(text.utf8).span, at: 0)
    }

    /// Asks the desktop to open the page at `address`; ignores failures.
    static func show(_ address: String) -> PageLink? {
        guard let directory = Locations.runtimeDirectory else { return nil }
        let link = PageLink(path: Path.join(directory, "page-\(CurrentProcess.identifier).html"))
        guard (try? link.write(address)) != nil else { return nil }
        ShellCommand.show(link.path)
        return link
    }
}
