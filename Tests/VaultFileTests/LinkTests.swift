import Compaction
import Platform
import Sodium
import Testing

@testable import VaultFile

/// Vaults whose path is a symbolic link, or was one: what was seen at either path counts.
@Suite struct LinkTests {
    private static let path = "/home/link"
    private static let copy = "/home/copy"

    /// A vault with a link to it, a copy from before its last change, and what this machine remembers.
    private struct Linked {
        let world = World.remembering()
        let store: CheckpointStore
        /// The vault by the link.
        var link = World(path: LinkTests.path)

        init() throws {
            store = try #require(world.dependencies.checkpoints)
            link.dependencies = world.dependencies
            let log = try world.create()
            try log.append(.text("A", "one"))
            world.disk[LinkTests.copy] = world.bytes
            try log.append(.text("A", "acknowledged"))
            turn(to: world.path)
        }

        /// Lets the link lead to another file.
        func turn(to target: String) { world.disk.symbolicLinks[LinkTests.path] = target }

        /// Puts a file at the link's path in place of the link.
        func replaceLink(with bytes: [UInt8]) {
            world.disk.symbolicLinks = [:]
            world.disk.replace(LinkTests.path, with: bytes)
        }

        /// Moves the vault to another path and leaves a link to it where it was.
        func move(to other: String) throws {
            try world.disk.rename(world.path, to: other)
            world.disk.symbolicLinks[world.path] = other
        }

        func link(of path: String = LinkTests.path) throws -> CheckpointStore.Link {
            try store.link(of: path)
        }

        /// The path of the file that stores where the link leads.
        var linkFile: String {
            get throws {
                try #require(world.otherFiles.first { $0.hasSuffix(".link") })
            }
        }
    }

    @Test func `the checkpoint of a vault that is named by a link is that of the file's own path`() throws {
        let linked = try Linked()
        #expect(!linked.store.isKnown(LinkTests.path, toLeadTo: linked.world.path))
        let log = try linked.link.open()
        try log.append(.text("A", "by the link"))
        #expect(try linked.store.entry(of: LinkTests.path) == .none)
        #expect(try linked.store.entry(of: linked.world.path).lastSeen?.end == log.committedEnd)
        #expect(try linked.link() == .to(linked.world.path))
        #expect(linked.store.isKnown(LinkTests.path, toLeadTo: linked.world.path))
        #expect(!linked.store.isKnown(LinkTests.path, toLeadTo: LinkTests.copy))
        linked.world.disk.replace(linked.world.path, with: linked.world.disk[LinkTests.copy])
        #expect(linked.link.verdict() == .older)
    }

    @Test func `a link that leads to an older copy now is noticed, and can be trusted again`() throws {
        let linked = try Linked()
        let seen = try linked.link.open().presentCheckpoint()
        linked.turn(to: LinkTests.copy)
        #expect(linked.link.verdict() == .older)
        #expect(try !linked.store.isLinkCurrent(LinkTests.path, at: LinkTests.copy))
        #expect(
            try linked.store.checkpoints(of: LinkTests.path, at: LinkTests.copy).map(\.tag) == [seen.tag])
        try linked.store.acceptLink(LinkTests.path, at: LinkTests.copy)
        #expect(try linked.store.isLinkCurrent(LinkTests.path, at: LinkTests.copy))
        #expect(linked.link.verdict() == nil)
        // At its own path the vault is still the one that was seen.
        #expect(try linked.store.checkpoints(of: linked.world.path, at: linked.world.path).count == 1)
    }

    @Test func `a link that leads to a newer copy now is followed`() throws {
        let linked = try Linked()
        _ = try linked.link.open()
        linked.world.disk[LinkTests.copy] = linked.world.bytes
        linked.turn(to: LinkTests.copy)
        #expect(try linked.link.open(.reading).text("A") == "acknowledged")
        #expect(try linked.link() == .to(LinkTests.copy))
        #expect(try linked.store.entry(of: LinkTests.copy).lastSeen != nil)
    }

    @Test(arguments: [false, true])
    func `a vault that was moved must contain what was seen where the link is now`(isOlder: Bool) throws {
        let linked = try Linked()
        try linked.move(to: "/home/moved")
        #expect(try !linked.store.isLinkCurrent(linked.world.path, at: "/home/moved"))
        if isOlder {
            linked.world.disk.replace("/home/moved", with: linked.world.disk[LinkTests.copy])
            #expect(linked.world.verdict() == .older)
            #expect(try linked.store.entry(of: linked.world.path) != .none)
        } else {
            #expect(linked.world.verdict() == nil)
            // The checkpoint is that of the new path now.
            #expect(try linked.store.entry(of: linked.world.path) == .none)
            #expect(try linked.link(of: linked.world.path) == .to("/home/moved"))
            #expect(try linked.store.entry(of: "/home/moved").lastSeen != nil)
        }
    }

    @Test func `a file in place of a link must contain what was seen where the link led`() throws {
        let linked = try Linked()
        _ = try linked.link.open()
        linked.replaceLink(with: linked.world.disk[LinkTests.copy])
        #expect(linked.link.verdict() == .older)
        linked.replaceLink(with: linked.world.bytes)
        #expect(linked.link.verdict() == nil)
        // It is no link any more, and has a checkpoint of its own.
        #expect(try linked.link() == .none)
        linked.world.disk.replace(LinkTests.path, with: linked.world.disk[LinkTests.copy])
        #expect(linked.link.verdict() == .older)
    }

    @Test func `a torn note of where a link led is said once`() throws {
        let linked = try Linked()
        _ = try linked.link.open()
        for torn in [[], Array("home/a.vault".utf8)] {
            linked.world.disk[try linked.linkFile] = torn
            #expect(try linked.link() == .torn)
            #expect(linked.store.isTorn(LinkTests.path, at: linked.world.path))
            #expect(try linked.link.open().observations == [.checkpointTorn])
            #expect(try linked.link.open().observations == [])
            #expect(!linked.store.isTorn(LinkTests.path, at: linked.world.path))
        }
    }

    @Test func `a torn checkpoint of the path where a link is now is said`() throws {
        let linked = try Linked()
        let file = try #require(
            linked.world.otherFiles.first { $0.hasPrefix("/state/seen/") && !$0.contains(".") })
        linked.world.disk.flip(file, at: 500, bit: 0)
        try linked.move(to: "/home/moved")
        #expect(linked.store.isTorn(linked.world.path, at: "/home/moved"))
        #expect(try linked.world.open().observations == [.checkpointTorn])
    }

    @Test func `checkpoints that cannot be read are not called torn`() throws {
        let linked = try Linked()
        linked.world.disk.fail(.read, with: .permissionDenied)
        #expect(!linked.store.isTorn(linked.world.path, at: linked.world.path))
    }

    // MARK: - The agent

    @Test func `a path that leads to an open vault is remembered as a link to it`() throws {
        let linked = try Linked()
        let log = try linked.world.open()
        try log.follow(LinkTests.path)
        #expect(linked.store.isKnown(LinkTests.path, toLeadTo: linked.world.path))
        #expect(try linked.store.entry(of: linked.world.path).lastSeen?.tag == log.present.tag)
    }

    @Test func `an open vault that lacks what was seen by another path is refused there`() throws {
        let linked = try Linked()
        _ = try linked.link.open()
        let log = try Log(
            path: LinkTests.copy, access: .reading, dependencies: linked.world.dependencies,
            master: try linked.world.key())
        #expect(throws: VaultFileError.older) { try log.follow(LinkTests.path) }
        #expect(try linked.link() == .to(linked.world.path))
        #expect(linked.store.isKnown(LinkTests.path, toLeadTo: linked.world.path))
    }

    @Test func `a change of another process is no rollback to a vault that was open before it`() throws {
        let linked = try Linked()
        let log = try linked.world.open()
        try linked.world.open().append(.text("A", "by another"))
        try log.follow(LinkTests.path)
        #expect(try log.text("A") == "by another")
        // Nor is a rewrite.
        try linked.world.compact()
        linked.world.disk.symbolicLinks["/home/second"] = linked.world.path
        try log.follow("/home/second")
        #expect(log.header.generation == 2)
        #expect(linked.store.isKnown("/home/second", toLeadTo: linked.world.path))
        #expect(linked.world.verdict() == nil)
    }

    @Test func `without a directory for checkpoints a path is followed and nothing is written`() throws {
        let linked = try Linked()
        var forgetful = linked.world
        forgetful.dependencies.checkpoints = nil
        let log = try forgetful.open()
        let before = linked.world.otherFiles
        try log.follow(LinkTests.path)
        #expect(linked.world.otherFiles == before)
    }
}
