import { ActiveSessions } from "@/components/ActiveSessions";

export const Home = () => <ActiveSessions />;
