import AuthenticatorDevice
import DeviceCheck
import Foundation
import PushAuthenticator
import Security
import Testing

extension DeviceTests {
    /// App Attest over the stub: what it is asked for, and that its rejections and failures do not block a
    /// registration. Apple's service is not involved.
    @Suite struct AppAttestTests {
        private let service = AppAttest()
        private let key = DeviceKey(point: OpenSSL.KeyPair().point, level: .secureEnclave, presence: .biometric)
        private let code = DeviceTests.registration("ada")

        private func attested() async throws -> DeviceKey {
            let file = FileManager.default.temporaryDirectory.appendingPathComponent("vault-\(UUID().uuidString)").path
            StubKeychain.shared.reset()
            let phone = try await Phone.open(vaultFile: file, keys: VaultKeys(accessGroup: "group"))
            return try await phone.attested(key, for: code, by: service)
        }

        @Test func theKeyThatWasMadeIsAttestedWithWhatTheCoreSays() async throws {
            DCAppAttestService.shared.set(keys: .success("made"), objects: .success(Data([0xa3, 1])))
            #expect(try await attested().attestation == [Data([0xa3, 1])])
            let asked = DCAppAttestService.shared.attested
            #expect(asked.map(\.keyId) == ["made"] && asked.first?.clientDataHash.count == 32)
        }

        @Test func anErrorOfTheSystemIsThrownAndTheKeyIsRegisteredWithout() async throws {
            for code in [DCError.Code.serverUnavailable, .invalidKey, .featureUnsupported] {
                DCAppAttestService.shared.set(objects: .failure(DCError(code)))
                await #expect(throws: DCError(code)) { try await service.attestKey("id", clientDataHash: Data()) }
                #expect(try await attested() == key)
                DCAppAttestService.shared.set(keys: .failure(DCError(code)))
                await #expect(throws: DCError(code)) { try await service.generateKey() }
                #expect(try await attested() == key && DCAppAttestService.shared.attested.isEmpty)
            }
        }

        @Test func whereItIsNotSupportedItIsNotAsked() async throws {
            DCAppAttestService.shared.set(isSupported: false)
            #expect(try await attested() == key && DCAppAttestService.shared.attested.isEmpty)
        }
    }
}
