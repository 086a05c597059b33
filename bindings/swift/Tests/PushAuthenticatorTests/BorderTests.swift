import XCTest
@testable import PushAuthenticator
final class BorderTests: XCTestCase {
    final class Keys: PlatformKeys { func wrap(dataKey: Data) throws -> Data { dataKey }; func unwrap(wrapped: Data) throws -> Data { wrapped } }
    func testOpens() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let phone = try await Phone.open(vaultFile: folder.path + "/vault", keys: Keys())
        for try await accounts in phone.accounts { XCTAssertEqual(accounts, []); break }
    }
}
