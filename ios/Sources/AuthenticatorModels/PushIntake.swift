import Foundation
import PushAuthenticator

/// Takes in pushes, in the app and in its notification service extension, and says what the system may show.
public struct PushIntake: Sendable {
    /// What the system's notification says; on a lock screen, too, so it names no number and no place.
    public struct Alert: Equatable, Sendable {
        public let title: Words
        /// Who asks, and for which account; nothing where that is not known.
        public let subtitle: String?
        /// The sign-on request to open when it is tapped.
        public let requestId: String?
        /// Whether it can be denied without opening the app: a key of the account's own signs in the app, where it may prompt.
        public let canDenyThere: Bool

        public init(title: Words, subtitle: String?, requestId: String?, canDenyThere: Bool = false) {
            self.title = title
            self.subtitle = subtitle
            self.requestId = requestId
            self.canDenyThere = canDenyThere
        }
    }

    private let phone: Phone
    private let courier: Courier

    /// - Parameters:
    ///   - transport: asks the server where a push is no more than a hint
    ///   - signingKeys: signs such a question where the account's own key has to
    public init(_ phone: Phone, transport: any HTTPTransport = URLSessionTransport(), signingKeys: (any SigningKeys)? = nil) {
        self.phone = phone
        courier = Courier(phone, transport: transport, signer: UnaskedSigner(phone, signingKeys))
    }

    /// The user info of a push as the core takes it; nothing where it is no JSON.
    public static func payload(of userInfo: [AnyHashable: Any]) -> Data? {
        // What is no JSON would end the process.
        guard JSONSerialization.isValidJSONObject(userInfo) else { return nil }
        return try? JSONSerialization.data(withJSONObject: userInfo)
    }

    /// Takes in a push; where that is a hint, the server is asked for the request. A push that is refused changes nothing, and
    /// is shown as such without its words.
    ///
    /// - Parameter payload: see ``payload(of:)``
    public func receive(_ payload: Data?) async -> Alert {
        guard let payload else { return Self.refused }
        do {
            switch try await courier.receive(payload) {
            case .request(let request):
                return try await Self.alert(for: request, phone)
            // The app asks again when it is opened.
            case .missing: return Self.missing
            }
        } catch {
            return Self.refused
        }
    }

    /// What the system may show of a request.
    static func alert(for request: SignOnRequest, _ phone: Phone) async throws -> Alert {
        let accounts = try await phone.call { try $0.accounts() }
        let needsSignature = accounts.contains { $0.id == request.accountId && $0.needsSignature }
        return Alert(title: .requestTitle, subtitle: "\(request.issuer), \(request.account)", requestId: request.id, canDenyThere: !needsSignature)
    }

    /// The request is there, and cannot be read before the device is unlocked.
    public static let locked = Alert(title: .requestWhileLocked, subtitle: nil, requestId: nil)
    /// A hint, and the request did not come.
    private static let missing = Alert(title: .requestTitle, subtitle: nil, requestId: nil)
    private static let refused = Alert(title: .requestRefused, subtitle: nil, requestId: nil)
}
