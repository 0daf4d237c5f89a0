import Foundation
import Platform
import Testing

@testable import VaultCore

@Suite struct LocationsTests {
    @Test func `the home is HOME, else that of the user database, else there is none`() throws {
        let file = FileManager.default.temporaryDirectory.path + "/passwd-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: file) }
        let database = UserDatabase(path: file)
        func write(_ user: UInt32) throws {
            try Data("someone:x:\(user):100::/home/someone:/bin/sh\n".utf8).write(
                to: URL(fileURLWithPath: file))
        }
        #expect(Locations.home(nil, orIn: database) == nil)
        try write(getuid())
        #expect(Locations.home(nil, orIn: database) == "/home/someone")
        #expect(Locations.home("/elsewhere", orIn: database) == "/elsewhere")
        try write(getuid() &+ 1)
        #expect(Locations.home(nil, orIn: database) == nil)
        #expect(Locations.home("/elsewhere", orIn: database) == "/elsewhere")
    }
}
