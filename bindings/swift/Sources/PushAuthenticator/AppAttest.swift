import Foundation

/// What is used of Apple's App Attest, `DCAppAttestService`: by it Apple vouches for the app, and the app for the key that an
/// account is registered with.
public protocol AppAttestService: Sendable {
    /// Whether this app can be attested on this device.
    var isSupported: Bool { get }
    /// Makes a key of App Attest's own, and gives its id. It is no account's key.
    func generateKey() async throws -> String
    /// Has Apple attest that key, over the network, and gives the object that it makes.
    func attestKey(_ keyId: String, clientDataHash: Data) async throws -> Data
}

extension DeviceKey {
    /// How much an attestation may be, in bytes, so that a registration holds it.
    static let attestationLimit = 8 * 1024
}

extension Phone {
    /// Has App Attest vouch for a key that an account is to be registered with. Where it is not supported, fails, takes longer
    /// than `limit`, or makes more than a registration holds, the key comes back as it was: whether it is taken without is
    /// the server's to say.
    ///
    /// Each call makes a key of App Attest's that is used once, as the object is good for this registration only. Call it
    /// after the prompt, so that a person who does not pass it leaves none behind.
    ///
    /// - Parameters:
    ///   - key: in the Secure Enclave
    ///   - code: the registration code
    ///   - limit: for how long Apple's servers may keep the person waiting
    /// - Throws: ``AuthenticatorError`` when code or key are refused, or the server takes no key; `CancellationError`
    public func attested(
        _ key: DeviceKey, for code: String, by service: any AppAttestService, atMost limit: Duration = .seconds(20)
    ) async throws -> DeviceKey {
        guard service.isSupported else { return key }
        let hash = try await look { try $0.appAttestClientDataHash(code: code, jwk: key.jwk) }
        let (objects, made) = AsyncStream<Data?>.makeStream()
        // Apart, because a service that hangs need not heed that it is cancelled.
        let attesting = Task {
            let object = try? await service.attestKey(service.generateKey(), clientDataHash: hash)
            made.yield(object)
        }
        let waiting = Task {
            try await Task.sleep(for: limit)
            made.yield(nil)
        }
        defer {
            attesting.cancel()
            waiting.cancel()
        }
        let object = await objects.first { _ in true } ?? nil
        try Task.checkCancellation()
        guard let object, object.count <= DeviceKey.attestationLimit else { return key }
        return DeviceKey(jwk: key.jwk, level: key.level, presence: key.presence, attestation: [object])
    }
}
