import AuthenticatorModels
import SwiftUI

/// The root view for the current state of the app.
struct RootView: View {
    let app: AppModel

    var body: some View {
        ZStack {
            switch app.stage {
            case .starting: ProgressView()
            case .waitingForUnlock:
                ContentUnavailableView {
                    Label(LocalizedStringKey(.waitingForUnlock), systemImage: "lock")
                } actions: {
                    Button(.retry) { Task { await app.start() } }
                }
            case .failed(let failure):
                VStack {
                    FailureText(failure: failure)
                    Button(.retry) { Task { await app.start() } }
                }
                .padding()
            case .ready(let services): TabsView(app: app, services: services)
            }
            if app.isLocked { LockView(app: app) }
        }
        .task { await app.start() }
    }
}

/// Covers everything until the owner of the device has authenticated; also what the app switcher shows.
private struct LockView: View {
    let app: AppModel

    var body: some View {
        ContentUnavailableView {
            Label(LocalizedStringKey(.lockTitle), systemImage: "lock.shield")
        } actions: {
            Button(.lockUnlock) { Task { await app.unlock() } }.buttonStyle(.borderedProminent)
        }
        .frame(maxWidth: .infinity, maxHeight: .infinity)
        .background(Color(.systemBackground))
        .accessibilityAddTraits(.isModal)
    }
}

private struct TabsView: View {
    let app: AppModel
    let services: Services
    @State private var accounts: AccountsModel
    @State private var requests: RequestsModel
    @State private var enrolment: EnrolmentModel
    @State private var covers: CoverModel
    @State private var alerts: AlertsModel
    @Environment(\.scenePhase) private var phase

    init(app: AppModel, services: Services) {
        self.app = app
        self.services = services
        let (accounts, requests, enrolment) = (AccountsModel(services), RequestsModel(services), EnrolmentModel(services))
        _accounts = State(initialValue: accounts)
        _requests = State(initialValue: requests)
        _enrolment = State(initialValue: enrolment)
        _alerts = State(initialValue: AlertsModel(services))
        _covers = State(initialValue: CoverModel(app: app, accounts: accounts, requests: requests, enrolment: enrolment))
    }

    var body: some View {
        TabView {
            AccountsView(model: accounts, requests: requests, covers: covers, alerts: alerts)
                .tabItem { Label(LocalizedStringKey(.accountsTitle), systemImage: "person.badge.key") }
            HistoryView(services: services)
                .tabItem { Label(LocalizedStringKey(.historyTitle), systemImage: "clock") }
            SettingsView(services: services, owner: app.owner, alerts: alerts)
                .tabItem { Label(LocalizedStringKey(.settingsTitle), systemImage: "gear") }
        }
        .task { await accounts.watch() }
        .task { await requests.watch() }
        // Also runs beneath the system's prompt; nothing starts in the background.
        .task(id: isInBackground) { if !isInBackground { await requests.deliver() } }
        .task(id: isInBackground) { if !isInBackground { await requests.follow() } }
        .task(id: phase) { if phase == .active { await alerts.look() } }
        // What the app was started with exists before this view.
        .onChange(of: covers.opening, initial: true) { Task { await covers.takeOpening() } }
        .onChange(of: phase) { if phase != .active { accounts.hideCodes() } }
        .sheet(item: cover) { cover in
            switch cover {
            case .request: if let shown = requests.shown { RequestView(model: shown, covers: covers) }
            case .scanner: ScannerView { code in Task { await covers.read(code) } }
            case .entry: EntryView { entry in await covers.read(entry) }
            case .enrolment: EnrolmentView(model: enrolment)
            case .renaming(let account): RenameView(account: account, model: accounts)
            }
        }
    }

    private var isInBackground: Bool { phase == .background }

    /// The app's only sheet, so that none lies above the app lock, which itself lies beneath sheets.
    private var cover: Binding<CoverModel.Cover?> {
        let shown = covers.cover
        return Binding { covers.cover } set: { if $0 == nil { covers.close(shown) } }
    }
}
